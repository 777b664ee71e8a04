# make demo | make study | make test | make check | make bench: each sets itself up in
# .venv.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
CORES ?= 2
GPUS ?= 0
STUDY ?= full
STUDY_SIZE = $(if $(filter quick,$(STUDY)),--genes 120 --networks 1) \
	$(if $(PACKAGES),--packages "$(PACKAGES)")
STUDY_CONFIGS = config/study.yaml $(if $(filter quick,$(STUDY)),config/study_quick.yaml) $(PEERS)
QUICK_TESTS := tests/unit tests/project tests/bad_input tests/real
DEVICE = $(if $(filter 0,$(GPUS)),cpu,cuda)

# Scripts and accelerate are called by name: the environment's come first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export HF_HUB_OFFLINE := 1

.PHONY: help setup demo study test check bench mutations coverage clean

help:
	@echo "make demo   simulate a genome with planted errors and explain them (CPU, minutes)"
	@echo "make study  SpliceAI's errors in 610 human genes (STUDY=quick: 120 genes, 20 minutes)"
	@echo "make test   lint and every test"
	@echo "make check  lint only"
	@echo "make bench  benchmarks"
	@echo "make mutations   faults are planted; the tests must catch them"
	@echo "make coverage    lines of the library that the tests run"

setup: $(STAMP)

# torch first: what depends on it then takes this build and not another.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.txt)"
	python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(STAMP)
	python workflow/scripts/simulate.py --output-folder demo
	snakemake --configfile config/demo.yaml --cores $(CORES) --resources gpu=$(GPUS) \
		--rerun-incomplete --show-failed-logs --quiet rules host reason
	@python workflow/scripts/summary.py --results results --predictor demo

# PACKAGES: folder of packages that are at hand; PEERS: config of further predictors.
study: $(STAMP)
	$(if $(filter quick full,$(STUDY)),,$(error STUDY is '$(STUDY)'; it is quick or full))
	python workflow/scripts/study.py --output-folder study $(STUDY_SIZE)
	snakemake --configfile $(STUDY_CONFIGS) --cores $(CORES) --resources gpu=$(GPUS) \
		--rerun-incomplete --show-failed-logs --quiet rules host reason
	$(if $(filter full,$(STUDY)),snakemake evaluate \
		--configfile config/study.yaml config/study_chr3.yaml study/chr3.yaml \
		--cores $(CORES) --resources gpu=$(GPUS) \
		--rerun-incomplete --show-failed-logs --quiet rules host reason)
	python workflow/scripts/figure.py --predictor spliceai \
		--output results/reports/spliceai/beside.png
	@python workflow/scripts/summary.py --results results --predictor spliceai

check: $(STAMP)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	@# Linting reads the workflow with the demo's config; its input need not exist.
	snakemake --lint --configfile config/demo.yaml

# Side by side, file by file: most steps of a workflow leave a core idle.
test: check
	@tests/system_packages.sh
	OMP_NUM_THREADS=1 python -m pytest $(QUICK_TESTS) --numprocesses $(CORES) --dist loadfile --durations=10
	python -m pytest tests/workflow --numprocesses $(CORES) --dist loadfile --durations=10

# Each is run, whatever the one before missed.
BENCHMARKS := windows scale features \
	"training --device $(DEVICE)" "attribution --device $(DEVICE)"
bench: $(STAMP)
	@status=0; for words in $(BENCHMARKS); do set -- $$words; name=$$1; shift; \
		echo "== $$name"; python tests/benchmarks/benchmark_$$name.py "$$@" || status=1; \
	done; exit $$status

# Planted faults, each to be caught by a test; some minutes.
mutations: $(STAMP)
	OMP_NUM_THREADS=1 python tests/mutations.py

# Share of the library's lines that the tests run, workflows left out.
coverage: $(STAMP)
	OMP_NUM_THREADS=1 python -m coverage run -m pytest $(QUICK_TESTS) \
		--numprocesses $(CORES) --dist loadfile
	python -m coverage combine --quiet
	python -m coverage report --sort=cover

clean:
	rm -rf results logs demo .snakemake

.PHONY: docs
docs: $(STAMP)
	python workflow/scripts/config_reference.py

# What depends on what, as the demo runs it.
.PHONY: rulegraph
rulegraph: $(STAMP)
	python workflow/scripts/simulate.py --output-folder demo
	@{ printf '# Rules of the demo\n\nMade by `make rulegraph`.\n\n```mermaid\n'; \
		snakemake --rulegraph mermaid-js --configfile config/demo.yaml --resources gpu=0 \
			| grep -E 'flowchart|id[0-9]+(\[|  *-->)'; \
		printf '```\n'; } > docs/rulegraph.md
