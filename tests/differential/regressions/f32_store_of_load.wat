;; The address of a store and that of a load in the stored value are computed at the same time.
(module
  (memory (export "memory") 1)
  (data (i32.const 8) "\00\00\80\3f\00\00\c0\7f")
  (func $copy (param i32)
    (f32.store (i32.add (local.get 0) (i32.const 16)) (f32.load (i32.add (local.get 0) (i32.const 8)))))
  (func (export "f0")
    (call $copy (i32.const 0))
    (call $copy (i32.const 4))))
