"""A user's own trainer for the tests: python trainer.py CANDIDATE RECORD [option ...].

Measures a smooth law at once. ``sleep=S`` takes its time, ``fail=PART`` fails on runs whose name
has the part, ``once=FILE`` fails until the file is there, ``silent`` writes no record.
``interim=S`` writes an unfinished record, and goes on for so long; ``broken`` fails after it wrote;
``says=TEXT`` writes that as its record; ``child`` leaves a process in a session of its own that
will not end when it is asked to.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

candidate = json.loads(Path(sys.argv[1]).read_text())
options = dict(option.partition("=")[::2] for option in sys.argv[3:])
target = Path(sys.argv[2])
if "child" in options:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    words = [sys.executable, "-c", deaf, str(target)]
    subprocess.Popen(words, start_new_session=True)
if "interim" in options:
    target.write_text(json.dumps({"loss": dict.fromkeys(candidate["mixture"], 9.0)}))
    time.sleep(float(options["interim"]))
time.sleep(float(options.get("sleep", 0)))
if options.get("fail") and options["fail"] in candidate["run_id"]:
    sys.exit("the loss is not a number")
if "once" in options:
    mark = Path(options["once"])
    if not mark.exists():
        mark.touch()
        sys.exit("a passing fault")
if "silent" not in options:
    scale = (candidate["n_params"] / 4e6) ** -0.2
    losses = {
        name: 1.5 + 1.5 * scale * (0.2 + share) ** -0.1
        for name, share in candidate["mixture"].items()
    }
    record = {"run_id": candidate["run_id"], "loss": losses, "seconds": 0.1, "device": "cpu"}
    draft = target.with_suffix(".part")
    draft.write_text(options.get("says") or json.dumps(record))
    draft.rename(target)
if "broken" in options:
    sys.exit("the optimiser went away")
