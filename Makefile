# `make demo` sets up and runs the main job; `make test` sets up and passes the tests.
# Both find a Python >= 3.12 themselves (.ci/setup), install once, and start at once afterwards.
.PHONY: demo test

demo: .venv/.core
	@mkdir -p build/demo
	.venv/bin/bayescamel demo --out build/demo --force

test: .venv/.test
	.venv/bin/python -m pytest -q -m "not slow"

.venv/.%: pyproject.toml .ci/constraints.txt
	@sh .ci/setup $*
