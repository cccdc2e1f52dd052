# Nicknames; the build itself is meson's. BUILD names the build directory.
BUILD ?= build
DESTDIR ?=

.PHONY: all check lint sim fuzz netns full install clean
all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

check:
	./check
lint:
	./check --only lint
sim:
	./check --only sim
fuzz:
	./check --only fuzz
netns:
	./check --only netns
full:
	./check --long
install: all
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild
clean:
	rm -rf $(BUILD) build-*
