"""Sizes of tensors with zeros in the codes that chips store them in.

.. [1] S. Han et al., "EIE: efficient inference engine on compressed deep neural network," ISCA 2016, doi:10.1109/ISCA.2016.30 (run
   lengths of zeros in front of each value). Y.-H. Chen et al., "Eyeriss," IEEE JSSC 52(1), 2017, doi:10.1109/JSSC.2016.2616357 (the same
   on activations, 5 bits a run).
"""

from __future__ import annotations

from typing import Literal

Encoding = Literal["bitmask", "run_length", "csr", "n_m"]
ENCODINGS: tuple[Encoding, ...] = ("bitmask", "run_length", "csr", "n_m")
#: Bits of a run of zeros in Eyeriss [bit].
RUN_BITS = 5


def stored_bits(
    encoding: Encoding,
    elements: int,
    bits: int,
    density: float,
    *,
    run_bits: int = RUN_BITS,
    columns: int = 0,
    pattern: tuple[int, int] = (2, 4),
) -> float:
    """Expected size of a tensor whose zeros fall independently [bit]; above its dense size where the code is a loss.

    elements : of the tensor [1]; bits : of one; density : share that is not zero [1].

    bitmask : a bit an element, and the values that are not zero. run_length : before each value the number of zeros skipped, in
    ``run_bits``; a run too long for them stores a zero as its value. csr : a column for each value and a row's end for each row of
    ``columns`` elements (all in one row where 0). n_m : ``pattern`` (kept, of) values of each block with their places, whatever the
    density.
    """
    values = elements * density
    if encoding == "bitmask":
        return elements + values * bits
    if encoding == "run_length":
        if not density:
            return elements / (1 << run_bits) * (bits + run_bits)
        # an entry covers up to 2^r - 1 zeros and one element: (1 - (1 - d)^(2^r)) / d elements on average
        longest = 1 << run_bits
        covered = (1 - (1 - density) ** longest) / density
        return elements / covered * (bits + run_bits)
    if encoding == "csr":
        wide = columns or elements
        rows = -(-elements // wide) if wide else 0
        return values * (bits + _index_bits(wide)) + (rows + 1) * _index_bits(elements + 1)
    kept, of = pattern
    return elements * kept / of * (bits + _index_bits(of))


def compression(encoding: Encoding, bits: int, density: float, elements: int = 1 << 20, columns: int = 1024) -> float:
    """Dense size over stored size [1]; below 1 is a loss."""
    stored = stored_bits(encoding, elements, bits, density, columns=columns)
    return elements * bits / stored


def _index_bits(count: int) -> int:
    """Bits that tell ``count`` places apart [bit]."""
    return max(0, count - 1).bit_length()
