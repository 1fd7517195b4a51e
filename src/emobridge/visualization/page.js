"use strict";
// Adds what moves to a page that is whole without it: player, playhead, zoom, and what is heard at the moment.
// Everything that a result says reaches the page as text or as a number, never as markup.
(() => {
  const page = JSON.parse(document.getElementById("values").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const TICK_PX = 90;
  const SHORTEST_VIEW_S = 15;
  const LABEL_PX = 45;
  const LONG_STEP_S = 5;
  const OTHER_RECORDING_S = 1;
  const TRAIL = 6;
  const PLANE = { left: 30, top: 8, field: 280 };

  function drawn(name, attributes, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function made(name, className, ...children) {
    const result = document.createElement(name);
    if (className) result.className = className;
    result.append(...children);
    return result;
  }

  function clock(seconds, digits) {
    const scale = 10 ** digits;
    const whole = Math.round(seconds * scale);
    const hours = Math.floor(whole / (3600 * scale));
    const minutes = Math.floor(whole / (60 * scale)) % 60;
    const rest = ((whole % (60 * scale)) / scale).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  }

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const percent = (share) => `${Math.round(100 * share)}%`;

  class Recording {
    constructor(article) {
      this.article = article;
      this.result = page.results[Number(article.dataset.index)];
      this.duration = Math.max(this.result.duration_s, 0.001);
      this.segments = this.result.segments;
      for (const name of ["audio", ".board", ".scroll", ".strips", ".playhead", ".ticks", ".heads", ".now", ".transcript", ".hint"]) {
        this[name.replace(".", "")] = article.querySelector(name);
      }
      this.items = [...article.querySelectorAll(".transcript > li")];
      this.time = 0;
      this.zoom = 1;
      this.active = null;
      this.heard = [];
      this.listen();
      this.drawTicks();
      this.show(0);
    }

    listen() {
      const actions = {
        previous: () => this.step(-1),
        next: () => this.step(1),
        in: () => this.setZoom(this.zoom * 2),
        out: () => this.setZoom(this.zoom / 2),
      };
      for (const button of this.article.querySelectorAll("[data-action]")) {
        button.addEventListener("click", actions[button.dataset.action]);
      }
      this.article.addEventListener("click", (event) => {
        const jump = event.target.closest(".jump");
        if (jump) this.seek(Number(jump.dataset.time), true);
      });
      this.strips.addEventListener("click", (event) => {
        const box = this.strips.getBoundingClientRect();
        this.seek(((event.clientX - box.left) / box.width) * this.duration, false);
      });
      this.scroll.addEventListener("keydown", (event) => this.press(event, actions));
      this.scroll.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.setZoom(this.zoom * (event.deltaY < 0 ? 1.5 : 1 / 1.5));
      }, { passive: false });
      this.article.querySelector("input[type=file]").addEventListener("change", (event) => this.open(event.target.files[0]));
      this.audio.addEventListener("seeked", () => this.show(this.audio.currentTime));
      this.audio.addEventListener("play", () => this.follow());
      this.audio.addEventListener("loadedmetadata", () => this.check());
      this.audio.addEventListener("error", () => this.say("This browser cannot play the recording."));
      window.addEventListener("resize", () => this.drawTicks());
      if (this.transcript) this.transcript.addEventListener("keydown", (event) => this.walk(event));
    }

    press(event, actions) {
      const keys = {
        ArrowLeft: () => this.seek(this.time - (event.shiftKey ? 0.5 : LONG_STEP_S), false),
        ArrowRight: () => this.seek(this.time + (event.shiftKey ? 0.5 : LONG_STEP_S), false),
        Home: () => this.seek(0, false),
        End: () => this.seek(this.duration, false),
        PageUp: actions.previous,
        PageDown: actions.next,
        "+": actions.in,
        "=": actions.in,
        "-": actions.out,
        " ": () => this.toggle(),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    }

    walk(event) {
      const from = this.items.indexOf(event.target.closest("li"));
      const to = this.items[from + { ArrowUp: -1, ArrowDown: 1 }[event.key]];
      if (!to) return;
      event.preventDefault();
      to.querySelector(".jump").focus();
    }

    hasSound() {
      return Boolean(this.audio.getAttribute("src"));
    }

    open(file) {
      if (!file) return;
      if (this.address) URL.revokeObjectURL(this.address);
      this.address = URL.createObjectURL(file);
      this.audio.classList.remove("empty");
      this.audio.src = this.address;
      this.audio.addEventListener("loadedmetadata", () => { this.audio.currentTime = this.time; }, { once: true });
    }

    check() {
      const length = this.audio.duration;
      const differs = Number.isFinite(length) && Math.abs(length - this.duration) > OTHER_RECORDING_S;
      if (differs) this.say(`This file is ${clock(length, 1)} long, the recording was ${clock(this.duration, 1)}: is it another one?`);
      else if (this.address) this.say("The recording plays from this computer.");
    }

    say(text) {
      this.hint.textContent = text;
    }

    toggle() {
      if (!this.hasSound()) return;
      if (this.audio.paused) this.audio.play();
      else this.audio.pause();
    }

    follow() {
      this.show(this.audio.currentTime);
      this.keepInView();
      if (!this.audio.paused) requestAnimationFrame(() => this.follow());
    }

    seek(seconds, reveal) {
      const time = clamp(seconds, 0, this.duration);
      if (this.hasSound()) this.audio.currentTime = time;
      this.show(time);
      if (reveal) this.keepInView();
    }

    step(direction) {
      const starts = [...new Set(this.segments.map((segment) => segment.start_s))].sort((a, b) => a - b);
      const next = direction > 0
        ? starts.find((start) => start > this.time + 0.01)
        : starts.findLast((start) => start < this.time - 0.01);
      if (next !== undefined) this.seek(next, true);
    }

    show(time) {
      this.time = time;
      this.playhead.style.left = `${(100 * time) / this.duration}%`;
      this.scroll.setAttribute("aria-valuenow", time.toFixed(1));
      const active = [];
      this.segments.forEach((segment, index) => {
        if (segment.start_s <= time && time < segment.end_s) active.push(index);
      });
      const same = this.active && active.join() === this.active.join();
      this.active = active;
      this.markWords();
      if (same) return;
      this.scroll.setAttribute("aria-valuetext", this.told());
      this.markTranscript();
      this.drawHeads();
      this.drawNow();
    }

    told() {
      const parts = this.active.map((index) => {
        const { speaker, category, abstain } = this.segments[index];
        return `${speaker ?? ""} ${abstain ? `not judged, ${abstain}` : category}`.trim();
      });
      return [clock(this.time, 1), ...parts].join(", ");
    }

    markTranscript() {
      for (const item of this.items) {
        const current = this.active.includes(Number(item.dataset.segment));
        item.classList.toggle("current", current);
        item.querySelector(".jump").tabIndex = current ? 0 : -1;
        if (current) item.setAttribute("aria-current", "true");
        else item.removeAttribute("aria-current");
      }
      const first = this.items[this.active[0]] ?? this.items[0];
      if (!first) return;
      if (!this.active.length) first.querySelector(".jump").tabIndex = 0;
      const top = first.offsetTop - this.transcript.scrollTop;
      const room = this.transcript.clientHeight - first.offsetHeight;
      if (this.active.length && (top < 0 || top > room)) this.transcript.scrollTop = first.offsetTop - room / 3;
    }

    markWords() {
      const near = this.active.flatMap((index) => [...this.items[index].querySelectorAll(".word")]);
      const heard = near.filter((word) => Number(word.dataset.start) <= this.time && this.time < Number(word.dataset.end));
      for (const word of this.heard) word.classList.toggle("heard", heard.includes(word));
      for (const word of heard) word.classList.add("heard");
      this.heard = heard;
    }

    keepInView() {
      const at = (this.time / this.duration) * this.strips.offsetWidth;
      const { scrollLeft, clientWidth } = this.scroll;
      if (at < scrollLeft || at > scrollLeft + clientWidth * 0.9) this.scroll.scrollLeft = at - clientWidth * 0.1;
    }

    setZoom(wanted) {
      const longest = Math.max(1, this.duration / SHORTEST_VIEW_S);
      const at = (this.time / this.duration) * this.strips.offsetWidth - this.scroll.scrollLeft;
      const visible = at >= 0 && at <= this.scroll.clientWidth;
      this.zoom = clamp(wanted, 1, longest);
      this.strips.style.width = `${100 * this.zoom}%`;
      const anchor = visible ? at : this.scroll.clientWidth / 2;
      this.scroll.scrollLeft = (this.time / this.duration) * this.strips.offsetWidth - anchor;
      this.drawTicks();
    }

    drawTicks() {
      const width = this.strips.offsetWidth;
      const step = STEPS_S.find((each) => (each / this.duration) * width >= TICK_PX) ?? STEPS_S.at(-1);
      const marks = [];
      for (let time = 0; time <= this.duration; time += step) {
        const x = `${(100 * time) / this.duration}%`;
        const text = drawn("text", { x, y: 12, dx: 3 }, clock(time, step < 1 ? 1 : 0));
        marks.push(drawn("line", { x1: x, x2: x, y1: 15, y2: 22 }), text);
      }
      this.ticks.replaceChildren(...marks);
      const lengths = this.segments.map((segment) => segment.end_s - segment.start_s).sort((a, b) => a - b);
      const usual = lengths[Math.floor(lengths.length / 2)] ?? 0;
      this.board.classList.toggle("roomy", (usual / this.duration) * width > LABEL_PX);
    }

    drawHeads() {
      if (!this.heads) return;
      const heads = this.active.map((index) => this.head(index)).filter(Boolean);
      this.heads.replaceChildren(...heads);
    }

    head(index) {
      const segment = this.segments[index];
      const place = this.place(segment);
      if (!place) return null;
      const { valence, arousal } = segment.intervals;
      const group = drawn("g", { class: "head" });
      if (valence && arousal) {
        const [x, y] = this.onPlane(valence[0], arousal[1]);
        const [right, bottom] = this.onPlane(valence[1], arousal[0]);
        group.append(drawn("rect", { x, y, width: right - x, height: bottom - y }));
      }
      const before = this.segments.slice(0, index + 1).filter((each) => each.speaker === segment.speaker);
      const trail = before.map((each) => this.place(each)).filter(Boolean).slice(-TRAIL);
      group.append(drawn("polyline", { points: trail.map((each) => each.join()).join(" ") }));
      group.append(drawn("circle", { cx: place[0], cy: place[1], r: 8 }));
      if (this.active.length > 1 && segment.speaker !== null) {
        group.append(drawn("text", { x: place[0] + 12, y: place[1] - 8 }, segment.speaker));
      }
      return group;
    }

    place(segment) {
      const { valence, arousal } = segment.dimensions;
      if (segment.abstain !== null || valence === undefined || arousal === undefined) return null;
      return this.onPlane(valence, arousal);
    }

    onPlane(valence, arousal) {
      const x = PLANE.left + PLANE.field * clamp(valence, 0, 1);
      return [x, PLANE.top + PLANE.field * (1 - clamp(arousal, 0, 1))];
    }

    drawNow() {
      const parts = this.active.flatMap((index) => this.details(this.segments[index]));
      if (!parts.length) parts.push(made("p", "hint", "Nobody speaks here, or nothing was judged."));
      this.now.replaceChildren(...parts);
    }

    details(segment) {
      const name = segment.speaker === null ? "now" : `now: ${segment.speaker}`;
      if (segment.abstain !== null || segment.category === null) {
        const reason = (segment.abstain ?? "nothing to judge").replaceAll("_", " ");
        return [made("h4", "", name), made("p", "hint", `not judged: ${reason}`)];
      }
      const list = made("dl", "");
      const sorted = Object.entries(segment.probabilities).sort((a, b) => b[1] - a[1]);
      for (const [category, probability] of sorted) {
        const bar = drawn("rect", { width: percent(probability), height: "100%", fill: page.colours[category] });
        const inSet = segment.categories_90.includes(category);
        list.append(made("dt", inSet ? "set" : "", category), this.track(bar), made("dd", "", percent(probability)));
      }
      const dimensions = made("dl", "");
      for (const [dimension, value] of Object.entries(segment.dimensions)) {
        const marks = [drawn("rect", { class: "value", x: `${100 * clamp(value, 0, 1)}%`, width: 2, height: "100%" })];
        const range = segment.intervals[dimension];
        if (range) {
          const [low, high] = range.map((each) => clamp(each, 0, 1));
          marks.unshift(drawn("rect", { class: "range", x: `${100 * low}%`, width: `${100 * (high - low)}%`, height: "100%" }));
        }
        dimensions.append(made("dt", "", dimension), this.track(...marks), made("dd", "", value.toFixed(2)));
      }
      return [made("h4", "", name), list, made("p", "hint", "bold: the 90 % set"), dimensions];
    }

    track(...marks) {
      const ground = drawn("rect", { class: "track", width: "100%", height: "100%" });
      return made("dd", "", drawn("svg", { width: "100%", height: 10, "aria-hidden": "true" }, ground, ...marks));
    }
  }

  document.documentElement.classList.remove("still");
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const chosen = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = chosen === "dark" ? "light" : "dark";
  });
  const recordings = [...document.querySelectorAll("article")].map((article) => new Recording(article));
  // page.html#t=81.5 opens there, page.html#recording-2&t=81.5 in the third of several recordings.
  function openAddress() {
    const asked = /^#(?:recording-(\d+)&)?t=(\d+(?:\.\d+)?)$/.exec(location.hash);
    const recording = asked && recordings[Number(asked[1] ?? 0)];
    if (recording) recording.seek(Number(asked[2]), true);
  }
  window.addEventListener("hashchange", openAddress);
  openAddress();
})();
