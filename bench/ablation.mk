# The paper's ablation (Table 4) in small, a run for every row and seed. `make -j2 ablation` on 2 cores; each run has one thread.
#
# Every row changes one thing of `base`. Usage is what training keeps of a codebook that starts on latents, without
# restarts (our default restarts codes, which hides what the rows are about); the rows at the end change that.

ABLATION_IMAGES ?= fixtures/emoji-mini
ABLATION_SEEDS ?= 1 2

ablation_ALL := --preset tiny --codebook-size 1024 --steps 600 --batch-size 16 --lr 1e-3 --warmup 50 \
  --log-every 50 --sample-every 600 --checkpoint-every 600 --threads 1
vit = --encoder-dim $(1) --encoder-depth $(2) --encoder-heads $(3) --decoder-dim $(4) --decoder-depth $(5) --decoder-heads $(6)
BASE := $(call vit,96,3,3,96,3,3)
CODES := --code-dim 32 --restart-every 0
GAN := --discriminator-scale 0.015625

ablation_base := $(BASE) $(CODES) $(GAN)
ablation_small := $(call vit,64,2,2,64,2,2) $(CODES) $(GAN)
ablation_small-large := $(call vit,64,2,2,160,6,5) $(CODES) $(GAN)
ablation_cnn := --architecture cnn --cnn-width 16 --cnn-multipliers 1,2,4 --cnn-groups 8 --cnn-latent-dim 64 $(CODES) $(GAN)
ablation_patch := $(BASE) $(CODES) --discriminator patch --discriminator-scale 0.125
ablation_patch-adaptive := $(ablation_patch) --adversarial-adaptive --r1-gamma 0
ablation_dim-256 := $(BASE) --code-dim 256 --restart-every 0 $(GAN)
ablation_dim-128 := $(BASE) --code-dim 128 --restart-every 0 $(GAN)
ablation_dim-64 := $(BASE) --code-dim 64 --restart-every 0 $(GAN)
ablation_dim-16 := $(BASE) --code-dim 16 --restart-every 0 $(GAN)
ablation_dim-8 := $(BASE) --code-dim 8 --restart-every 0 $(GAN)
ablation_dim-4 := $(BASE) --code-dim 4 --restart-every 0 $(GAN)
ablation_no-l2 := $(BASE) $(CODES) $(GAN) --no-l2-norm
ablation_plain := $(BASE) $(CODES) $(GAN) --quantize-from 0
ablation_plain-dim-8 := $(BASE) --code-dim 8 --restart-every 0 $(GAN) --quantize-from 0
ablation_plain-no-l2 := $(BASE) $(CODES) $(GAN) --quantize-from 0 --no-l2-norm
ablation_restarts := $(BASE) --code-dim 32 --restart-every 20 $(GAN)
ablation_ROWS := base small small-large cnn patch patch-adaptive dim-256 dim-128 dim-64 dim-16 dim-8 dim-4 no-l2 \
  plain plain-dim-8 plain-no-l2 restarts

row = $(notdir $*)
seed = $(patsubst %/,%,$(dir $*))

.PHONY: ablation
ablation: $(foreach seed,$(ABLATION_SEEDS),$(ablation_ROWS:%=runs/ablation/$(seed)/%/evaluation/evaluation.json))
	$(NODE) dist/bench/ablation.js runs/ablation docs/ablation.md

runs/ablation/%/model.safetensors: | dist/.built
	$(VITVQ) train-vq $(ABLATION_IMAGES)/train --val $(ABLATION_IMAGES)/val --out $(@D) --resume --quiet \
	  $(ablation_ALL) $(ablation_$(row)) --seed $(seed)

runs/ablation/%/evaluation/evaluation.json: runs/ablation/%/model.safetensors
	$(VITVQ) evaluate $(ABLATION_IMAGES)/val --tokenizer $(<D) --out $(@D) --batch-size 8 --threads 1 --quiet --force > /dev/null
