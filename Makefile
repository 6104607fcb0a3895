# Every target sets up .venv by itself and is quick when nothing has changed.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: demo test slow lint app lab docs bench browser clean

demo: $(STAMP) ## make a contact sheet of twelve pictures
	$(BIN)/python -m studio.tools.demo

test: $(STAMP) browser ## run the tests, but those that measure memory or take long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --durations=25

slow: $(STAMP) ## run the others
	$(BIN)/python -m pytest -m slow

lint: $(STAMP) ## style, types, and who may import whom
	$(BIN)/ruff check studio tests
	$(BIN)/ruff format --check studio tests
	$(BIN)/mypy
	$(BIN)/lint-imports

app: $(STAMP) ## open the web app
	$(BIN)/studio app

lab: $(STAMP) ## open the notebooks
	$(BIN)/jupyter lab notebooks

docs: $(STAMP) browser ## make again all that shows what the studio makes: card, sheet, previews, tables of families and LoRAs, notebooks, screenshots
	$(BIN)/python -m studio.tools.spark.card
	$(BIN)/python -m studio.tools.demo pictures/demo
	cp pictures/demo/sheet.png assets/pictures/demo.png
	$(BIN)/python -m studio.tools.previews
	$(BIN)/python -m tests.families.table
	$(BIN)/python -m tests.families.loras
	$(BIN)/python notebooks/execute.py
	$(BIN)/python -m tests.server.web.screenshots
	$(BIN)/python -m tests.notebook.screenshot

bench: $(STAMP) ## seconds a picture, and to put a LoRA on, against plain diffusers
	$(BIN)/python -m studio.tools.bench
	$(BIN)/python -m studio.tools.lora_bench

browser: # where the tests find none and the system is Debian's; elsewhere they are skipped
	@command -v chromium >/dev/null || ! command -v apt-get >/dev/null || \
		{ $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq chromium >/dev/null; }

clean:
	rm -rf .venv

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)
