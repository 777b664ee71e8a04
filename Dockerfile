# The environment of every rule, for clusters that run containers.
#   docker build --tag splice-error-analysis:0.1.0 .
#   docker run --gpus all --volume "$PWD":/data --workdir /data \
#     splice-error-analysis:0.1.0 --configfile my.yaml --cores 8 --resources gpu=1
FROM python:3.11-slim

# What pip cannot bring: make for the shortcuts, git for the commit in run.json.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/splice-error-analysis
COPY requirements.txt ./
# torch first: what depends on it then takes this build and not another.
RUN pip install --no-cache-dir "$(grep '^torch==' requirements.txt)" \
    && pip install --no-cache-dir --requirement requirements.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --editable .

# Models are fetched by the rule that is asked to; nothing else goes to the network.
ENV HF_HUB_OFFLINE=1
ENTRYPOINT ["snakemake", "--snakefile", "/opt/splice-error-analysis/Snakefile"]
