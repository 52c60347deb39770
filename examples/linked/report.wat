;; Builds lines of text with the functions of one module in the memory of another, and prints them through WASI.
(module $report
  (import "memory" "memory" (memory 1))
  (import "memory" "used" (func $used (result i32)))
  (import "strings" "concat" (func $concat (param i32 i32 i32 i32) (result i32 i32)))
  (import "strings" "decimal" (func $decimal (param i32) (result i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))

  (data (i32.const 16) " squared is ")
  (data (i32.const 32) "\n")
  (data (i32.const 48) "bytes used: ")

  ;; write a string to standard output; addresses 0 to 11 hold the iovec and the count
  (func $print (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable)))

  (func (export "squares") (param $n i32)
    (local $i i32)
    (loop $next
      (call $concat
        (call $concat (call $decimal (local.get $i)) (i32.const 16) (i32.const 12))
        (call $decimal (i32.mul (local.get $i) (local.get $i))))
      (call $concat (i32.const 32) (i32.const 1))
      (call $print)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
    (call $concat
      (call $concat (i32.const 48) (i32.const 12) (call $decimal (call $used)))
      (i32.const 32) (i32.const 1))
    (call $print)))
