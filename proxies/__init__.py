"""Train small language models ("proxies") whose losses a law is fitted to.

The package needs the extra ``bayescamel[proxies]`` (PyTorch). The usual way in is
``python -m proxies.sweep --out records`` followed by
``python -m proxies.collect records --out runs.csv``.
"""
