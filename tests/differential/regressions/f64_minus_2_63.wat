;; A number that is also the least i64.
(module
  (func (export "f0") (result f64) (f64.const -0x1p63))
  (func (export "f1") (result f32) (f32.const -0x1p63))
  (func (export "f2") (result f64) (f64.add (f64.const -0x1p63) (f64.const -0x1p63)))
  (func (export "f3") (result f64) (f64.const 0x1p63))
  (func (export "f4") (result i32 f64) (i32.const 1) (f64.const -0x1p63)))
