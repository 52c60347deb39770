;; A sum that is not rounded before it is stored may be beyond the range of f32.
(module
  (memory (export "memory") 1)
  (func $f (param f32 f64)
    (f32.store (i32.const 0) (f32.add (local.get 0) (local.get 0)))
    (f32.store (i32.const 4) (f32.mul (local.get 0) (f32.neg (local.get 0))))
    (f32.store (i32.const 8) (f32.demote_f64 (local.get 1))))
  (func (export "f0") (call $f (f32.const 3e38) (f64.const -1e300))))
