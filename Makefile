# vitvq: `make demo` trains everything in small on real images, `make test` runs every test.
#
# The demo is written as a pipeline of files, so that it doubles as an example of how to script the tool: each stage is
# a target on the file it makes. Interrupt it and type `make demo` again, and it goes on where it stopped.

NODE ?= node
VITVQ := $(NODE) dist/bin/vitvq.js
SOURCES := $(shell find bin lib commands test bench -name '*.ts')

.PHONY: demo fashion emoji test lint build bundle clean
.DELETE_ON_ERROR:
.SECONDARY:

demo: runs/demo/summary.json
	@$(VITVQ) report runs/demo

# The same pipeline over all of Fashion-MNIST, about 75 minutes on 2 cores. It wants the four files of
# https://github.com/zalandoresearch/fashion-mnist in FASHION_MNIST.
fashion: runs/fashion/summary.json
	@$(VITVQ) report runs/fashion

# And over colour images of 64x64 in class folders, EMOJI/train and EMOJI/val: about 35 minutes on 2 cores for the 1,613
# images of docs/emoji.md.
emoji: runs/emoji/summary.json
	@$(VITVQ) report runs/emoji

test: build
	$(NODE) dist/test/run.js

lint: node_modules/.installed
	npx tsc -p tsconfig.json --noEmit
	npx biome check .

build: dist/.built

# One archive for machines without network and without Node: dist/vitvq-VERSION-linux-x64.tar.xz, which a new build removes.
bundle: dist/.bundled

clean:
	rm -rf dist node_modules

node_modules/.installed: package.json package-lock.json
	npm ci
	@touch $@

dist/.built: node_modules/.installed tsconfig.json $(SOURCES)
	@rm -rf dist
	npm run --silent build
	@touch $@

dist/.bundled: dist/.built README.md CHANGELOG.md LICENSE
	$(NODE) --experimental-import-meta-resolve dist/bin/bundle.js
	@touch $@

include bench/ablation.mk

# ---------------------------------------------------------------------------------------------------------------------
# The pipeline. runs/NAME is made from the variables NAME_*: images to train and to test with, and options of each stage.

FASHION_MNIST ?= data/fashion-mnist

demo_TRAIN := fixtures/fashion-mnist-mini/train-images-idx3-ubyte.gz
demo_TEST := fixtures/fashion-mnist-mini/t10k-images-idx3-ubyte.gz
demo_ENCODE := --class-names fixtures/fashion-mnist-mini/classes.txt
demo_VQ := --preset tiny --image-size 28 --channels 1 --encoder-dim 96 --encoder-depth 2 --decoder-dim 96 \
  --decoder-depth 2 --codebook-size 512 --code-dim 8 --adversarial-weight 0 --logit-laplace-weight 0.01 \
  --steps 1000 --lr 2e-3 --warmup 50 --checkpoint-every 200 --sample-every 200 --seed 1
demo_VIM := --preset tiny --depth 4 \
  --steps 800 --lr 2e-3 --warmup 50 --log-every 100 --checkpoint-every 200 --sample-every 200 --seed 1

fashion_TRAIN = $(FASHION_MNIST)/train-images-idx3-ubyte.gz
fashion_TEST = $(FASHION_MNIST)/t10k-images-idx3-ubyte.gz
fashion_ENCODE := $(demo_ENCODE)
fashion_VQ := --preset tiny --image-size 28 --channels 1 --encoder-depth 2 --decoder-depth 4 \
  --codebook-size 512 --code-dim 8 --adversarial-weight 0 --logit-laplace-weight 0.01 \
  --steps 6000 --batch-size 32 --lr 2e-3 --warmup 100 --checkpoint-every 1000 --sample-every 1000 --seed 1
fashion_VIM := --preset tiny --dim 256 --heads 8 --depth 4 --dropout 0 --class-dropout 0.25 \
  --steps 8000 --batch-size 32 --lr 1.5e-3 --warmup 100 --log-every 100 --checkpoint-every 1000 --sample-every 1000 --seed 1
fashion_SAMPLE := --temperature 0.9

emoji_TRAIN = $(EMOJI)/train
emoji_TEST = $(EMOJI)/val
emoji_VIEWS := --views 6 --crop random --crop-scale 1,1.125 --flip
emoji_VQ := --preset tiny --image-size 64 --patch-size 8 --encoder-depth 2 --decoder-depth 4 \
  --codebook-size 1024 --code-dim 8 --adversarial-weight 0 --logit-laplace-weight 0.01 --crop random --crop-scale 1,1.125 --flip \
  --steps 3000 --batch-size 16 --lr 2e-3 --warmup 100 --checkpoint-every 1000 --sample-every 1000 --seed 1
emoji_VIM := --preset tiny --dim 192 --heads 6 --depth 4 --dropout 0.2 --class-dropout 0.2 \
  --steps 3000 --batch-size 32 --lr 1.5e-3 --warmup 100 --log-every 100 --checkpoint-every 500 --sample-every 250 --seed 1
emoji_SAMPLE := --temperature 0.8 --guidance 2

# 1. Train the tokenizer.
runs/%/vq/model.safetensors: | dist/.built
	$(VITVQ) train-vq $($*_TRAIN) --val $($*_TEST) --out $(@D) --resume $($*_VQ)

# 2. Score it on the test images.
runs/%/evaluation/evaluation.json: runs/%/vq/model.safetensors
	$(VITVQ) evaluate $($*_TEST) --tokenizer $(<D) --out $(@D) --force

# 3. Turn all images into codes.
runs/%/train.safetensors: runs/%/vq/model.safetensors
	$(VITVQ) encode $($*_TRAIN) --tokenizer $(<D) --out $@ $($*_ENCODE) $($*_VIEWS) --force

runs/%/test.safetensors: runs/%/vq/model.safetensors
	$(VITVQ) encode $($*_TEST) --tokenizer $(<D) --out $@ $($*_ENCODE) --force

# 4. Train the Transformer on the codes.
runs/%/vim/model.safetensors: runs/%/train.safetensors runs/%/test.safetensors
	$(VITVQ) train-vim $< --val $(word 2,$^) --out $(@D) --resume $($*_VIM)

# 5. See how well it predicts the codes of the test images.
runs/%/likelihood/likelihood.json: runs/%/vim/model.safetensors runs/%/train.safetensors runs/%/test.safetensors
	$(VITVQ) evaluate $(word 3,$^) --vim $(<D) --reference $(word 2,$^) --out $(@D) --force

# 6. Draw 50 images of every class, and see which class their nearest training image has.
runs/%/samples/index.json: runs/%/vim/model.safetensors
	$(VITVQ) sample $(<D) --tokenizer $(<D)/../vq --out $(@D) --count 500 --seed 1 $($*_SAMPLE) --force

runs/%/sample-scores/samples.json: runs/%/samples/index.json
	$(VITVQ) evaluate --samples $(<D) --reference $($*_TRAIN) --real $($*_TEST) --out $(@D) --force

# 7. Ask every block of the Transformer what it knows about classes.
runs/%/probe/probe.json: runs/%/vim/model.safetensors runs/%/train.safetensors runs/%/test.safetensors
	$(VITVQ) probe $(<D) --train $(word 2,$^) --test $(word 3,$^) --out $(@D) --fractions 0.01,0.1 --force

# 8. Gather every figure and draw the curves.
runs/%/summary.json: runs/%/evaluation/evaluation.json runs/%/likelihood/likelihood.json \
  runs/%/sample-scores/samples.json runs/%/probe/probe.json
	$(VITVQ) report $(@D) --quiet > /dev/null
