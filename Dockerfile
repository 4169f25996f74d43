# An image that runs `mtl` on the CPU: docker build -t mtl .
# Runs are written to /data: docker run --rm -v "$PWD:/data" mtl train task=digits
# Behind a mirror: docker build --build-arg TORCH_INDEX=<address> --build-arg PIP_INDEX_URL=<address> -t mtl .
ARG PYTHON=3.13
FROM python:${PYTHON}-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PIP_INDEX_URL=https://pypi.org/simple
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 MTL_CACHE=/cache
WORKDIR /source
COPY constraints.txt .
# Alone and first: the index decides between the CPU and the CUDA build, and this layer stays when the source changes
RUN pip install --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY hydra_plugins hydra_plugins
COPY mtl mtl
RUN pip install -c constraints.txt '.[scheduling,trees]'

RUN useradd --create-home mtl && mkdir /data /cache && chown mtl /data /cache
USER mtl
WORKDIR /data
ENTRYPOINT ["mtl"]
CMD ["--help"]
