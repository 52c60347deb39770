;; The address of a store is computed from an f32 that was loaded.
(module
  (memory (export "memory") 1)
  (global $g (mut f32) (f32.const 1.5))
  (func (export "f0")
    (f32.store
      (i32.and (i32.add (f32.eq (f32.const 1) (f32.load (i32.const 8))) (i32.const 4)) (i32.const 0xfff8))
      (global.get $g)))
  (func (export "f1")
    (f32.store (i32.shl (f32.ne (f32.load (i32.mul (memory.size) (i32.const 16))) (f32.const 1)) (i32.const 5))
      (f32.load (i32.mul (memory.size) (i32.const 0))))))
