#!/usr/bin/env bash
# A study that trains real proxies on two cores, from the first run to a recommendation:
#
#     results/active/live.sh [OPTIONS OF study run]        # the result is results/active/live/
#
# Proxies of 16k to 144k parameters; the target has 432k, three times the largest, and sees as many
# bytes. The budget is little more than two runs of the target. Runs of the target's size are bundled
# with the package, and the study has never seen them: live.py holds its predictions against them.
# Without --corpora the text is collected first, from what is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$here/../../.venv/bin" && pwd)
mkdir -p "$here/live"
cd "$here/live"

# A study that was interrupted goes on.
[ -e study.db ] || "$bin/bayescamel" study create study.db --domains python,cpp,prose,math --proxies \
    --sizes 16e3,48e3,144e3 --run-tokens 1.28e6 --params 431728 --tokens 1.28e6 \
    --budget 1e13
"$bin/bayescamel" study run study.db --workers 2 --batch 4 --until-budget --worker live "$@" 2>&1 |
    sed -u "s|$here/live/||g" | tee -a log.txt
"$bin/bayescamel" study export study.db --out runs.csv --force
"$bin/bayescamel" study status study.db --json >status.json
"$bin/python" "$here/live.py" study.db >report.md
# What is left is the database, the log and the answers.
rm -rf study.runs study.posteriors
