;; The memory that the other two modules share, and who may have which part of it: a bump allocator.
(module $memory
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 1024))

  ;; reserve some bytes, aligned to 8; traps when a megabyte is used up
  (func (export "alloc") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top
      (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (if (i32.gt_u (global.get $top) (i32.const 0x10_0000)) (then unreachable))
    (block $enough
      (loop $more
        (br_if $enough (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))
        (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
        unreachable))
    (local.get $at))

  (func (export "used") (result i32)
    (i32.sub (global.get $top) (i32.const 1024))))
