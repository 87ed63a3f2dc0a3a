# make app    set up and start the app on http://localhost:8501
# make test   set up and run every check: lint, types, unit, property, app and browser tests
# make fuzz   read mutated films in bounded processes for MINUTES=10; exit code 1 if anything was found
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PORT ?= 8501
MINUTES ?= 10
REQUIREMENTS ?= requirements.txt

.PHONY: app test lint unit browser fuzz clean

app: .venv/.app
	$(BIN)/streamlit run streamlit_app.py --server.port $(PORT)

test: lint unit browser

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: .venv/.dev
	$(BIN)/pytest --ignore=tests/browser

browser: .venv/.dev
	CXR_CHROMIUM="$$(sh tests/browser/chromium.sh)" $(BIN)/pytest tests/browser

fuzz: .venv/.dev
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "Python 3.11 to 3.13 is needed")'
	$(PYTHON) -m venv .venv

.venv/.app: $(REQUIREMENTS) constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --requirement $(REQUIREMENTS) --constraint constraints.txt
	touch $@

.venv/.dev: requirements-dev.txt .venv/.app
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt --constraint constraints.txt
	touch $@

clean:
	rm -rf .venv
