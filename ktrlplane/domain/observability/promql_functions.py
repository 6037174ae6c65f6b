"""The functions of PromQL, by what they take and give
(https://prometheus.io/docs/prometheus/latest/querying/functions/), with those that are called
experimental. ``info`` is not among them: it reads series that no selector names."""

from typing import Final, NamedTuple

from ktrlplane.domain.observability.promql_types import Type

_TYPES: Final = {"v": Type.VECTOR, "m": Type.MATRIX, "s": Type.SCALAR, "t": Type.STRING}


class Function(NamedTuple):
    """``least`` and ``most`` count arguments; of those beyond ``takes``, each is as its last."""

    takes: tuple[Type, ...]
    least: int
    most: int | None
    gives: Type


_ANY_NUMBER: Final = -1

_TABLE: Final = """
v    0 v  abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor
v    0 v  histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum
v    0 v  ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp
m    0 v  absent_over_time avg_over_time changes count_over_time delta deriv first_over_time
m    0 v  idelta increase irate last_over_time mad_over_time max_over_time min_over_time
m    0 v  present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time
m    0 v  ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time
v    1 v  day_of_month day_of_week day_of_year days_in_month hour minute month year
vs   1 v  round
vs   0 v  clamp_max clamp_min
vss  0 v  clamp
ssv  0 v  histogram_fraction
sv   0 v  histogram_quantile
vtss 9 v  histogram_quantiles
mss  0 v  double_exponential_smoothing
ms   0 v  predict_linear
sm   0 v  quantile_over_time
vtttt 0 v label_replace
vttt -1 v label_join
vt   -1 v sort_by_label sort_by_label_desc
v    0 s  scalar
s    0 v  vector
ss   0 s  max_of min_of
-    0 s  end pi range start step time
"""
"""What it takes, how many of the last may follow (the last itself is optional then), what it
gives, names."""


def _read() -> dict[str, Function]:
    found = {}
    for line in _TABLE.strip().splitlines():
        letters, more, gives, *names = line.split()
        takes = tuple(_TYPES[letter] for letter in letters.strip("-"))
        extra = int(more)
        least = len(takes) - (extra != 0)
        most = None if extra == _ANY_NUMBER else least + extra if extra else least
        for name in names:
            found[name] = Function(takes, least, most, _TYPES[gives])
    return found


FUNCTIONS: Final = _read()

HIDDEN_SERIES: Final = frozenset({"info"})
"""They read series that no selector names."""
