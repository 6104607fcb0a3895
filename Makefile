# Every target sets up .venv by itself and is quick when nothing has changed.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test lint app lab docs clean

demo: $(STAMP) ## make a contact sheet of twelve pictures
	$(BIN)/python -m studio.demo

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest

lint: $(STAMP) ## style, types, and who may import whom
	$(BIN)/ruff check studio tests
	$(BIN)/ruff format --check studio tests
	$(BIN)/mypy
	$(BIN)/lint-imports

app: $(STAMP) ## the command line's own help, until the web app is here
	$(BIN)/studio --help

lab: $(STAMP) ## open the notebooks
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[lab]"
	$(BIN)/jupyter lab notebooks

docs: $(STAMP) ## write Spark's model card from its measured figures
	$(BIN)/python -m studio.spark.card

clean:
	rm -rf .venv

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)
