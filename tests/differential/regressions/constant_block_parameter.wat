;; A constant that is a block's parameter is one no longer.
(module
  (global $g (mut f32) (f32.const 7))
  (func $f (param f32)
    (local.get 0) (f32.const 0) (block (param f32 f32) (f32.div) (global.set $g)))
  (func (export "f0") (result f32) (call $f (f32.const 1)) (global.get $g))
  (func (export "f1") (result i32)
    (local $n i32)
    (i32.const 1)
    (loop (param i32) (result i32)
      (i32.const 1) (i32.add)
      (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5))))))
