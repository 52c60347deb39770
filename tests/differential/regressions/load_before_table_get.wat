;; Which of two instructions that follow each other is out of bounds decides the kind of trap.
(module
  (table 1 funcref)
  (memory 1)
  (func (export "f0")
    (i32.load (i32.const 65536)) (table.get 0 (i32.const 0)) (drop) (drop))
  (func (export "f1")
    (i32.load (i32.const 0)) (table.get 0 (i32.const 1)) (drop) (drop))
  (func (export "f2")
    (i32.load offset=5 (i32.and (table.grow (ref.null func) (i32.const 2)) (i32.const 65528)))
    (table.get 0 (i32.const 0)) (drop) (drop))
  (func (export "f3")
    (i32.load (i32.mul (memory.size) (i32.const 65533))) (table.get 0 (i32.const 0)) (drop) (drop)))
