"""What is fast, measured: ratios inside one run, medians, against the bare thing each part is built on."""
