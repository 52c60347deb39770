;; Conway's game of life on a torus of 32 × 16 cells; one byte a cell, row by row from address 0.
;; Python draws it and may change it between steps: the memory belongs to both.
(module $life
  (memory (export "memory") 1)
  (global $width i32 (i32.const 32))
  (global $height i32 (i32.const 16))
  (export "width" (global $width))
  (export "height" (global $height))

  ;; the cell at (x, y), both wrapped around; 1 alive, 0 dead
  (func $cell (param $x i32) (param $y i32) (result i32)
    (i32.load8_u
      (i32.add
        (i32.mul (i32.and (local.get $y) (i32.const 15)) (global.get $width))
        (i32.and (local.get $x) (i32.const 31)))))

  (func $neighbours (param $x i32) (param $y i32) (result i32)
    (local $dx i32) (local $dy i32) (local $sum i32)
    (local.set $dy (i32.const -1))
    (loop $row
      (local.set $dx (i32.const -1))
      (loop $column
        (local.set $sum
          (i32.add (local.get $sum)
            (call $cell (i32.add (local.get $x) (local.get $dx)) (i32.add (local.get $y) (local.get $dy)))))
        (local.set $dx (i32.add (local.get $dx) (i32.const 1)))
        (br_if $column (i32.le_s (local.get $dx) (i32.const 1))))
      (local.set $dy (i32.add (local.get $dy) (i32.const 1)))
      (br_if $row (i32.le_s (local.get $dy) (i32.const 1))))
    (i32.sub (local.get $sum) (call $cell (local.get $x) (local.get $y))))

  ;; one generation; returns how many cells live. The next generation is built at address 512 and copied back.
  (func (export "step") (result i32)
    (local $x i32) (local $y i32) (local $n i32) (local $alive i32) (local $at i32) (local $count i32)
    (loop $row
      (local.set $x (i32.const 0))
      (loop $column
        (local.set $n (call $neighbours (local.get $x) (local.get $y)))
        ;; three neighbours give life, two keep it
        (local.set $alive
          (i32.or
            (i32.eq (local.get $n) (i32.const 3))
            (i32.and (i32.eq (local.get $n) (i32.const 2)) (call $cell (local.get $x) (local.get $y)))))
        (i32.store8 offset=512 (local.get $at) (local.get $alive))
        (local.set $count (i32.add (local.get $count) (local.get $alive)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $x (i32.add (local.get $x) (i32.const 1)))
        (br_if $column (i32.lt_u (local.get $x) (global.get $width))))
      (local.set $y (i32.add (local.get $y) (i32.const 1)))
      (br_if $row (i32.lt_u (local.get $y) (global.get $height))))
    (memory.copy (i32.const 0) (i32.const 512) (i32.const 512))
    (local.get $count)))
