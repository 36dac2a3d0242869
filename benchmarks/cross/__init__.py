"""A moving-average cross on 5m bars that are fed by minutes: the same trades from everyone, and
what each minute costs.

    python -m benchmarks.cross [--install] [--stocks 50] [--days 20] [--passes 2] [--out FILE]

One file a contestant, each with `prepare` (its input in its own form, not timed) and `run` (timed):

| file | who |
|---|---|
| `store_loop` | sessiondata in a plain Python loop |
| `compiled` | sessiondata in one compiled loop |
| `deques` | by hand in pure Python; its trades are the oracle |
| `pandas_frames`, `vectorbt_signals` | all minutes at once |
| `backtesting_engine`, `nautilus_engine`, `backtrader_engine` | event engines |
| `loop_alone` | a yardstick: the loop and the means, nothing stored |

`market` makes the bars, `averages` are the means of the store's loop and of the yardstick, `trades`
compares, `contestants` knows who runs where, `measure` is the process that each has of its own.
"""
