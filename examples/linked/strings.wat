;; Text in the shared memory: a string is an address and a length.
(module $strings
  (import "memory" "memory" (memory 1))
  (import "memory" "alloc" (func $alloc (param i32) (result i32)))

  ;; two strings become one new string
  (func (export "concat") (param $a i32) (param $a_len i32) (param $b i32) (param $b_len i32) (result i32 i32)
    (local $to i32)
    (local.set $to (call $alloc (i32.add (local.get $a_len) (local.get $b_len))))
    (memory.copy (local.get $to) (local.get $a) (local.get $a_len))
    (memory.copy (i32.add (local.get $to) (local.get $a_len)) (local.get $b) (local.get $b_len))
    (local.get $to)
    (i32.add (local.get $a_len) (local.get $b_len)))

  ;; an unsigned number becomes a new decimal string
  (func (export "decimal") (param $n i32) (result i32 i32)
    (local $end i32) (local $at i32)
    (local.set $end (i32.add (call $alloc (i32.const 10)) (i32.const 10)))
    (local.set $at (local.get $end))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.rem_u (local.get $n) (i32.const 10)) (i32.const 48)))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (br_if $digit (local.get $n)))
    (local.get $at)
    (i32.sub (local.get $end) (local.get $at))))
