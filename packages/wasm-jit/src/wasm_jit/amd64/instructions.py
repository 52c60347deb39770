"""The instructions of x86-64 that the compiler uses, one row each, as the manual's opcode maps write them.

A row is ``mnemonic operands opcode flags``.

Operands, in the order of the Intel syntax (letters of the manual's appendix A.2 where it has them):

- ``G`` general register in ModRM.reg, ``E`` general register or memory in ModRM.rm, ``R`` general register only in
  ModRM.rm, ``B`` general register in VEX.vvvv, ``O`` general register in the opcode's low bits;
- ``V`` vector register in ModRM.reg, ``W`` vector register or memory in ModRM.rm, ``U`` vector register only in
  ModRM.rm, ``H`` vector register in VEX.vvvv (the legacy encoding has no such operand: there the first operand takes
  its place), ``L`` vector register in the upper half of the immediate;
- ``M`` memory only in ModRM.rm;
- ``w`` 16-bit immediate, ``c`` condition code in the opcode's low bits, ``b`` 8-bit immediate, ``s`` immediate of 8
  sign-extended or of 32 bits, whichever is shorter, ``z`` immediate of 32 bits (16 in 16-bit instructions), ``q``
  immediate of 64 bits;
- ``-`` none.

Opcode: mandatory prefix, map and opcode byte with dots between them, ``/n`` what ModRM.reg holds if no operand does.

Flags: widths (``@32,64`` makes ``add32`` and ``add64`` of ``add``; 16 takes the operand-size prefix, 64 REX.W or
VEX.W, and 8 the opcode before the given one);  ``W`` REX.W or VEX.W;  ``vex`` a VEX form exists too, whose mnemonic
has a v in front;  ``VEX`` only that exists;  ``byte`` register E or R is an 8-bit one;  ``acc=XX`` a shorter opcode
if the register is the accumulator and the immediate needs 32 bits;  ``with_acc=XX`` if one of two registers is;
``one=XX`` a shorter opcode for the immediate 1;  ``swap`` source operands may change places, ``store=XX`` the opcode
with reg and rm exchanged, ``store66=XX`` the same with the prefix 66 (all to reach the shorter VEX prefix);
``ptr=N`` width of the memory operand in bits, for listings.
"""

_GENERAL = """\
mov     EG      89          @32,64
mov     GE      8B          @32,64
mov     MG      89          @8,16
mov     Oz      B8          @32
mov     Oq      B8          @64
mov     Mz      C7/0        @16,32,64
mov     Mb      C7/0        @8
movzx8  GE      0F.B6       width=32 byte ptr=8
movsx8_ GE      0F.BE       @32,64          byte ptr=8
movzx16 GE      0F.B7       width=32 ptr=16
movsx16_ GE     0F.BF       @32,64          ptr=16
movsxd  GE      63          W ptr=32
lea     GM      8D          @32,64
test    EG      85          @8,32,64
test    Ez      F7/0        @32,64          acc=A9
test    Eb      F7/0        @8              acc=A9
xchg    EG      87          @32,64          with_acc=90
xchg    MG      87          @8,16
imul    GE      0F.AF       @32,64
imul    GEs     69          @32,64
not     E       F7/2        @32,64
neg     E       F7/3        @32,64
mul     E       F7/4        @32,64
imul    E       F7/5        @32,64
div     E       F7/6        @32,64
idiv    E       F7/7        @32,64
inc     E       FF/0        @32,64
dec     E       FF/1        @32,64
cdq     -       99
cqo     -       99          W
cdqe    -       98          W
bswap   O       0F.C8       @32,64
bsf     GE      0F.BC       @32,64
bsr     GE      0F.BD       @32,64
tzcnt   GE      F3.0F.BC    @32,64
lzcnt   GE      F3.0F.BD    @32,64
popcnt  GE      F3.0F.B8    @32,64
shld    EGb     0F.A4       @32,64
shrd    EGb     0F.AC       @32,64
shldcl  EG      0F.A5       @32,64
shrdcl  EG      0F.AD       @32,64
set     cE      0F.90       byte ptr=8
cmov    cGE     0F.40       @32,64
push    O       50
pop     O       58
push    M       FF/6        ptr=64
pop     M       8F/0        ptr=64
push    s       68
jmp     R       FF/4
jmp     M       FF/4        ptr=64
call    R       FF/2
call    M       FF/2        ptr=64
ret     -       C3
ret     w       C2
ud2     -       0F.0B
int3    -       CC
nop     -       90
pause   -       F3.90
mfence  -       0F.AE.F0
lfence  -       0F.AE.E8
cpuid   -       0F.A2
xgetbv  -       0F.01.D0
syscall -       0F.05
pushfq  -       9C
popfq   -       9D
endbr64 -       F3.0F.1E.FA
rep_movsb -     F3.A4
rep_stosb -     F3.AA
lock_cmpxchg MG 0F.B1       @8,16,32,64     lock
lock_xadd    MG 0F.C1       @8,16,32,64     lock
prefetcht0   M  0F.18/1     ptr=8
andn    GBE     0F38.F2     @32,64          VEX
bextr   GEB     0F38.F7     @32,64          VEX
blsi    BE      0F38.F3/3   @32,64          VEX
blsmsk  BE      0F38.F3/2   @32,64          VEX
blsr    BE      0F38.F3/1   @32,64          VEX
bzhi    GEB     0F38.F5     @32,64          VEX
shlx    GEB     66.0F38.F7  @32,64          VEX
shrx    GEB     F2.0F38.F7  @32,64          VEX
sarx    GEB     F3.0F38.F7  @32,64          VEX
rorx    GEb     F2.0F3A.F0  @32,64          VEX
mulx    GBE     F2.0F38.F6  @32,64          VEX
pdep    GBE     F2.0F38.F5  @32,64          VEX
pext    GBE     F3.0F38.F5  @32,64          VEX
"""

_MOVES = """\
movaps    VW    0F.28       vex store=29
movaps    MV    0F.29       vex
movups    VW    0F.10       vex store=11
movups    MV    0F.11       vex
movapd    VW    66.0F.28    vex store=29
movapd    MV    66.0F.29    vex
movupd    VW    66.0F.10    vex store=11
movupd    MV    66.0F.11    vex
movdqa    VW    66.0F.6F    vex store=7F
movdqa    MV    66.0F.7F    vex
movdqu    VW    F3.0F.6F    vex store=7F
movdqu    MV    F3.0F.7F    vex
lddqu     VM    F2.0F.F0    vex
movss     VHU   F3.0F.10    vex store=11
movss     VM    F3.0F.10    vex
movss     MV    F3.0F.11    vex
movsd     VHU   F2.0F.10    vex store=11
movsd     VM    F2.0F.10    vex
movsd     MV    F2.0F.11    vex
movd      VE    66.0F.6E    vex width=32
movd      EV    66.0F.7E    vex width=32
movq      VW    F3.0F.7E    vex store66=D6
movq      MV    66.0F.D6    vex
movqx     VR    66.0F.6E    vex W
movxq     RV    66.0F.7E    vex W
movhlps   VHU   0F.12       vex
movlhps   VHU   0F.16       vex
movlps    VHM   0F.12       vex
movlps    MV    0F.13       vex
movhps    VHM   0F.16       vex
movhps    MV    0F.17       vex
movlpd    VHM   66.0F.12    vex
movlpd    MV    66.0F.13    vex
movhpd    VHM   66.0F.16    vex
movhpd    MV    66.0F.17    vex
movddup   VW    F2.0F.12    vex
movsldup  VW    F3.0F.12    vex
movshdup  VW    F3.0F.16    vex
movmskps  GU    0F.50       vex
movmskpd  GU    66.0F.50    vex
pmovmskb  GU    66.0F.D7    vex
"""

_FLOATS = """\
ucomiss   VW    0F.2E       vex
ucomisd   VW    66.0F.2E    vex
comiss    VW    0F.2F       vex
comisd    VW    66.0F.2F    vex
cvtsi2ss  VHE   F3.0F.2A    vex @32,64
cvtsi2sd  VHE   F2.0F.2A    vex @32,64
cvttss2si GW    F3.0F.2C    vex @32,64
cvttsd2si GW    F2.0F.2C    vex @32,64
cvtss2si  GW    F3.0F.2D    vex @32,64
cvtsd2si  GW    F2.0F.2D    vex @32,64
cvtss2sd  VHW   F3.0F.5A    vex
cvtsd2ss  VHW   F2.0F.5A    vex
cvtps2pd  VW    0F.5A       vex
cvtpd2ps  VW    66.0F.5A    vex ptr=128
cvtdq2ps  VW    0F.5B       vex
cvtps2dq  VW    66.0F.5B    vex
cvttps2dq VW    F3.0F.5B    vex
cvtdq2pd  VW    F3.0F.E6    vex
cvtpd2dq  VW    F2.0F.E6    vex ptr=128
cvttpd2dq VW    66.0F.E6    vex ptr=128
roundps   VWb   66.0F3A.08  vex
roundpd   VWb   66.0F3A.09  vex
roundss   VHWb  66.0F3A.0A  vex
roundsd   VHWb  66.0F3A.0B  vex
cmpps     VHWb  0F.C2       vex
cmppd     VHWb  66.0F.C2    vex
cmpss     VHWb  F3.0F.C2    vex
cmpsd     VHWb  F2.0F.C2    vex
andps     VHW   0F.54       vex swap
andpd     VHW   66.0F.54    vex swap
andnps    VHW   0F.55       vex
andnpd    VHW   66.0F.55    vex
orps      VHW   0F.56       vex swap
orpd      VHW   66.0F.56    vex swap
xorps     VHW   0F.57       vex swap
xorpd     VHW   66.0F.57    vex swap
unpcklps  VHW   0F.14       vex
unpcklpd  VHW   66.0F.14    vex
unpckhps  VHW   0F.15       vex
unpckhpd  VHW   66.0F.15    vex
shufps    VHWb  0F.C6       vex
shufpd    VHWb  66.0F.C6    vex
blendps   VHWb  66.0F3A.0C  vex
blendpd   VHWb  66.0F3A.0D  vex
insertps  VHWb  66.0F3A.21  vex
extractps EVb   66.0F3A.17  vex width=32
haddps    VHW   F2.0F.7C    vex
haddpd    VHW   66.0F.7C    vex
blendvps  VW    66.0F38.14
blendvpd  VW    66.0F38.15
pblendvb  VW    66.0F38.10
vblendvps VHWL  66.0F3A.4A  VEX
vblendvpd VHWL  66.0F3A.4B  VEX
vpblendvb VHWL  66.0F3A.4C  VEX
vpermilps VWb   66.0F3A.04  VEX
vpermilpd VWb   66.0F3A.05  VEX
vbroadcastss VM 66.0F38.18  VEX
"""

_INTEGERS = """\
pshufd    VWb   66.0F.70    vex
pshufhw   VWb   F3.0F.70    vex
pshuflw   VWb   F2.0F.70    vex
psrlw     HUb   66.0F.71/2  vex
psraw     HUb   66.0F.71/4  vex
psllw     HUb   66.0F.71/6  vex
psrld     HUb   66.0F.72/2  vex
psrad     HUb   66.0F.72/4  vex
pslld     HUb   66.0F.72/6  vex
psrlq     HUb   66.0F.73/2  vex
psrldq    HUb   66.0F.73/3  vex
psllq     HUb   66.0F.73/6  vex
pslldq    HUb   66.0F.73/7  vex
pinsrb    VHEb  66.0F3A.20  vex width=32 ptr=8
pinsrw    VHEb  66.0F.C4    vex width=32 ptr=16
pinsrd    VHEb  66.0F3A.22  vex width=32
pinsrq    VHEb  66.0F3A.22  vex W
pextrw    GUb   66.0F.C5    vex
pextrb    EVb   66.0F3A.14  vex width=32 ptr=8
pextrw    MVb   66.0F3A.15  vex ptr=16
pextrd    EVb   66.0F3A.16  vex width=32
pextrq    EVb   66.0F3A.16  vex W
ptest     VW    66.0F38.17  vex
pabsb     VW    66.0F38.1C  vex
pabsw     VW    66.0F38.1D  vex
pabsd     VW    66.0F38.1E  vex
pblendw   VHWb  66.0F3A.0E  vex
palignr   VHWb  66.0F3A.0F  vex
vpbroadcastb VW 66.0F38.78  VEX
vpbroadcastw VW 66.0F38.79  VEX
vpbroadcastd VW 66.0F38.58  VEX
vpbroadcastq VW 66.0F38.59  VEX
vpsrlvd   VHW   66.0F38.45  VEX
vpsrlvq   VHW   66.0F38.45  VEX W
vpsravd   VHW   66.0F38.46  VEX
vpsllvd   VHW   66.0F38.47  VEX
vpsllvq   VHW   66.0F38.47  VEX W
"""

# what differs in nothing but mnemonic and opcode; a * marks sources that may change places
_ALIKE: "tuple[tuple[str, str], ...]" = (
    ("VHW 66.0F. vex", """
        60 punpcklbw 61 punpcklwd 62 punpckldq 63 packsswb 64 pcmpgtb 65 pcmpgtw 66 pcmpgtd 67 packuswb 68 punpckhbw
        69 punpckhwd 6A punpckhdq 6B packssdw 6C punpcklqdq 6D punpckhqdq 74 pcmpeqb* 75 pcmpeqw* 76 pcmpeqd* D1 psrlw
        D2 psrld D3 psrlq D4 paddq* D5 pmullw* D8 psubusb D9 psubusw DA pminub* DB pand* DC paddusb* DD paddusw*
        DE pmaxub* DF pandn E0 pavgb* E1 psraw E2 psrad E3 pavgw* E4 pmulhuw* E5 pmulhw* E8 psubsb E9 psubsw EA pminsw*
        EB por* EC paddsb* ED paddsw* EE pmaxsw* EF pxor* F1 psllw F2 pslld F3 psllq F4 pmuludq* F5 pmaddwd* F6 psadbw*
        F8 psubb F9 psubw FA psubd FB psubq FC paddb* FD paddw* FE paddd*"""),
    ("VHW 66.0F38. vex", """
        00 pshufb 01 phaddw 02 phaddd 04 pmaddubsw 08 psignb 09 psignw 0A psignd 0B pmulhrsw 28 pmuldq 29 pcmpeqq
        2B packusdw 37 pcmpgtq 38 pminsb 39 pminsd 3A pminuw 3B pminud 3C pmaxsb 3D pmaxsd 3E pmaxuw 3F pmaxud
        40 pmulld"""),
    ("VW 66.0F38. vex", """
        20 pmovsxbw 21 pmovsxbd 22 pmovsxbq 23 pmovsxwd 24 pmovsxwq 25 pmovsxdq
        30 pmovzxbw 31 pmovzxbd 32 pmovzxbq 33 pmovzxwd 34 pmovzxwq 35 pmovzxdq"""),
)  # fmt: skip


def rows() -> "list[str]":
    """All rows, families written out."""
    table = (_GENERAL + _MOVES + _FLOATS + _INTEGERS).splitlines()
    for number, name in enumerate(("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp")):
        table.append(f"{name} EG {number * 8 + 1:02X} @8,16,32,64")
        table.append(f"{name} GE {number * 8 + 3:02X} @8,16,32,64")
        table.append(f"{name} Es 81/{number} @16,32,64 acc={number * 8 + 5:02X}")
        table.append(f"{name} Eb 81/{number} @8 acc={number * 8 + 5:02X}")
    for number, name in ((0, "rol"), (1, "ror"), (4, "shl"), (5, "shr"), (7, "sar")):
        table.append(f"{name} Eb C1/{number} @32,64 one=D1")
        table.append(f"{name}cl E D3/{number} @32,64")
    for number, name in ((4, "bt"), (5, "bts"), (6, "btr"), (7, "btc")):
        table.append(f"{name} RG 0F.{0x83 + number * 8:02X} @32,64")  # with memory it is slow and reaches beyond it
        table.append(f"{name} Eb 0F.BA/{number} @32,64")
    for code, name in zip(
        (0x51, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F), ("sqrt", "add", "mul", "sub", "min", "div", "max"), strict=True
    ):
        operands = "VW" if name == "sqrt" else "VHW"
        table.append(f"{name}ps {operands} 0F.{code:02X} vex")
        table.append(f"{name}pd {operands} 66.0F.{code:02X} vex")
        table.append(f"{name}ss VHW F3.0F.{code:02X} vex")
        table.append(f"{name}sd VHW F2.0F.{code:02X} vex")
    for order in (0x90, 0xA0, 0xB0):
        order_digits = {0x90: "132", 0xA0: "213", 0xB0: "231"}[order]
        for number, name in ((8, "vfmadd"), (10, "vfmsub"), (12, "vfnmadd"), (14, "vfnmsub")):
            for scalar, kind, wide in ((0, "ps", ""), (0, "pd", "W"), (1, "ss", ""), (1, "sd", "W")):
                table.append(f"{name}{order_digits}{kind} VHW 66.0F38.{order + number + scalar:02X} VEX {wide}")
    for rest, names in _ALIKE:
        operands, opcode, flags = rest.split()
        words = names.split()
        for digits, name in zip(words[::2], words[1::2], strict=True):
            swap = "swap" if name.endswith("*") else ""
            table.append(f"{name.rstrip('*')} {operands} {opcode}{digits} {flags} {swap}")
    return table
