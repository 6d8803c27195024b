"""Train small language models ("proxies") whose losses a law is fitted to.

The package needs the extra ``bayescamel[proxies]`` (PyTorch). The usual way in is
``proxies sweep --grid v2 --out records`` followed by ``proxies report records --out runs.csv``; a
study trains its candidates through `proxies.launch`.

From the ground: shapes, flops, rules, schedule, config · text, corpora, sampling · model, experts ·
evaluate, tasks · devices, measure, optimizer, checkpoint, guards, train · record, grid, sweep,
collect, straight · cli, launch.
"""
