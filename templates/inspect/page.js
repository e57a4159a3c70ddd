(() => {
  "use strict";
  // A box is [kind, name, size, files, boxes in it]; see rockery/image/treemap.py. Names come
  // from a rock and may be anything: they become text, never HTML.
  const KIND = 0, NAME = 1, SIZE = 2, FILES = 3, PARTS = 4;
  const root = d3.hierarchy(JSON.parse(document.getElementById("boxes").textContent), (box) => box[PARTS])
    .sum((box) => (box[PARTS] ? 0 : box[SIZE]));
  const nodes = new Map(root.descendants().map((node) => [node.data, node]));
  const [map, crumbs, status, tip, table] = ["map", "crumbs", "status", "tip", "parts"].map((id) => document.getElementById(id));
  const HEAD = 21; // pixels for a frame's name
  const LEAST = 3; // pixels: what is smaller is not drawn
  let here = root;

  const make = (name, text = "", ...classes) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.classList.add(...classes);
    return element;
  };
  const units = (size) => {
    for (const [unit, one] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (size >= one) return `${(size / one).toFixed(1)} ${unit}`;
    }
    return size === 1 ? "1 Byte" : `${size} Bytes`;
  };
  const percent = (part, whole) => {
    const share = whole ? (100 * part) / whole : 0;
    return share > 0 && share < 0.1 ? "< 0.1 %" : `${share.toFixed(1)} %`;
  };
  const count = (files) => `${files.toLocaleString("en")} ${files === 1 ? "file" : "files"}`;
  const base = (node) => {
    const last = node.data[NAME].split("/").pop();
    return node.data[KIND] === "file" ? last : node.data[KIND] === "folder" ? `${last}/` : node.data[NAME];
  };
  const above = (node) => node.ancestors().reverse();

  // ---------------------------------------------------------------- places

  // The place in the address, so that the browser's own "back" works: #box/2/0. No element has
  // such an id, for the browser would go there and take the focus along.
  const address = (node) => `#box${above(node).slice(1).map((one) => `/${one.parent.children.indexOf(one)}`).join("")}`;
  const at = (hash) => {
    if (!/^#box(\/\d+)*$/.test(hash)) return null;
    const found = hash.split("/").slice(1).reduce((node, number) => node?.children?.[number], root);
    return found?.children ? found : null;
  };
  const go = (node) => {
    if (node && node.children && node !== here) location.hash = address(node);
  };

  // ---------------------------------------------------------------- colours

  // A layer has a hue of its own, the largest the first; what lies in it varies around that.
  const hue = (node) => {
    const layer = above(node)[1] ?? node;
    const rank = layer.parent ? layer.parent.children.indexOf(layer) : 0;
    const within = above(node)[2];
    const shift = within && here !== root ? ((within.parent.children.indexOf(within) * 17) % 60) - 30 : 0;
    return (255 + rank * 137.5 + shift) % 360;
  };

  // ---------------------------------------------------------------- the map

  const draw = () => {
    const { width, height } = map.getBoundingClientRect();
    if (!width || !height) return;
    const view = here.copy().sum((box) => (box[PARTS] ? 0 : box[SIZE]));
    d3.treemap().size([width, height]).round(true).paddingInner(2)
      .paddingOuter((node) => (node.depth ? 2 : 0))
      .paddingTop((node) => (node.depth && node.children && node.y1 - node.y0 > 2 * HEAD ? HEAD : node.depth ? 2 : 0))(view);
    const boxes = make("div", "", "boxes");
    for (const laid of view.descendants().slice(1)) {
      const [w, h] = [laid.x1 - laid.x0, laid.y1 - laid.y0];
      const node = nodes.get(laid.data);
      if (w < LEAST || h < LEAST) continue;
      const box = make("div", "", "box");
      box.node = node;
      box.style.left = `${(100 * laid.x0) / width}%`;
      box.style.top = `${(100 * laid.y0) / height}%`;
      box.style.width = `${(100 * w) / width}%`;
      box.style.height = `${(100 * h) / height}%`;
      box.style.setProperty("--hue", hue(node));
      if (laid.children) box.classList.add("frame");
      if (laid.children && laid.depth > 1) box.classList.add("inner");
      if (!laid.children) box.classList.add(node.data[KIND]);
      const [wide, high] = laid.depth < 3 ? [34, 15] : [70, 34];
      if (w > wide && h > high && !(laid.children && h <= 2 * HEAD)) {
        box.append(make("b", laid.children && w > 120 ? `${base(node)} · ${units(laid.data[SIZE])}` : base(node)));
        if (!laid.children && h > 34) box.append(make("small", units(laid.data[SIZE])));
      }
      if (laid.depth === 1) {
        box.classList.add("top");
        box.setAttribute("role", node.children ? "button" : "img");
        box.setAttribute("aria-label", `${laid.data[NAME]}, ${units(laid.data[SIZE])}, ${percent(laid.data[SIZE], here.data[SIZE])}`);
        box.tabIndex = -1;
      } else {
        box.setAttribute("aria-hidden", "true");
      }
      if (inView(node).children) box.classList.add("opens");
      boxes.append(box);
    }
    map.replaceChildren(boxes);
    const first = boxes.querySelector(".top");
    if (first) first.tabIndex = 0;
  };

  // The box of this view that a node lies in: a click opens one level at a time.
  const inView = (node) => above(node)[here.depth + 1] ?? node;
  const boxOf = (node) => [...map.querySelectorAll(".top")].find((box) => box.node === node);

  // Grow from the place of the box that was opened, or shrink into that of the one left.
  const move = (from, to) => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const boxes = map.firstElementChild;
    if (!boxes?.animate) return;
    const away = { transform: "scale(1.06)", opacity: 0.2 };
    const near = from ? { transform: `translate(${from.left}, ${from.top}) scale(${parseFloat(from.width) / 100}, ${parseFloat(from.height) / 100})`, opacity: 0.3 } : away;
    boxes.animate([near, { transform: "none", opacity: 1 }], { duration: 260, easing: "cubic-bezier(.2,.7,.3,1)" });
  };

  // ---------------------------------------------------------------- what tells of the map

  const trail = () => {
    crumbs.replaceChildren(...above(here).map((node) => {
      const crumb = make("span");
      if (node === here) {
        crumb.textContent = base(node);
        crumb.setAttribute("aria-current", "location");
      } else {
        const button = make("button", base(node));
        button.type = "button";
        button.addEventListener("click", () => go(node));
        crumb.append(button);
      }
      return crumb;
    }));
  };

  const list = () => {
    const rows = here.children.map((node) => {
      const row = make("tr"), name = make("th"), share = make("td", "", "share"), bar = make("div", "", "bar");
      name.scope = "row";
      if (node.children) {
        const button = make("button", node.data[NAME]);
        button.type = "button";
        button.addEventListener("click", () => go(node));
        name.append(button);
      } else {
        name.textContent = node.data[NAME];
      }
      const track = make("i"), filled = make("b");
      filled.style.width = `${here.data[SIZE] ? (100 * node.data[SIZE]) / here.data[SIZE] : 0}%`;
      filled.style.setProperty("--hue", hue(node));
      track.append(filled);
      bar.append(track, make("span", percent(node.data[SIZE], here.data[SIZE])));
      share.append(bar);
      row.append(name, make("td", node.data[FILES].toLocaleString("en"), "number"), make("td", units(node.data[SIZE]), "number"), share);
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
    table.caption.textContent = `${here.data[NAME]}: ${units(here.data[SIZE])} in ${count(here.data[FILES])}`;
    status.textContent = `${table.caption.textContent}; ${here.children.length} boxes`;
  };

  const show = (node) => {
    const before = here;
    const opened = node.parent === here || above(node).includes(here) ? boxOf(above(node)[here.depth + 1]) : null;
    const from = opened && { left: opened.style.left, top: opened.style.top, width: opened.style.width, height: opened.style.height };
    const held = map.contains(document.activeElement) ? "map" : crumbs.contains(document.activeElement) ? "crumbs" : table.contains(document.activeElement) ? "table" : "";
    here = node;
    tip.hidden = true;
    trail();
    draw();
    list();
    if (before !== here) move(from);
    // What had the focus is gone: it goes on where one would look next.
    if (held === "map") focus(boxOf(above(before)[here.depth + 1]) ?? map.querySelector(".top"));
    if (held === "crumbs" || held === "table") (table.querySelector("button") ?? crumbs.querySelector("button"))?.focus({ preventScroll: true });
  };

  const focus = (box) => {
    if (!box) return;
    for (const one of map.querySelectorAll(".top")) one.tabIndex = one === box ? 0 : -1;
    box.focus({ preventScroll: true });
  };

  const tell = (node, x, y) => {
    const way = above(node).slice(1, -1).map((one) => base(one)).join(" › ");
    tip.replaceChildren(
      make("b", node.data[NAME]),
      make("span", `${units(node.data[SIZE])}, ${percent(node.data[SIZE], root.data[SIZE])} of all${node.data[FILES] > 1 ? `, ${count(node.data[FILES])}` : ""}`),
      ...(way ? [make("span", `in ${way}`)] : []),
    );
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? Math.max(8, y - height - 12) : y + 18}px`;
  };

  // ---------------------------------------------------------------- hands

  map.addEventListener("click", (event) => {
    const node = event.target.closest(".box")?.node;
    if (node) go(inView(node));
  });
  map.addEventListener("pointermove", (event) => {
    const node = event.target.closest(".box")?.node;
    if (node) tell(node, event.clientX, event.clientY);
    else tip.hidden = true;
  });
  map.addEventListener("pointerleave", () => { tip.hidden = true; });
  map.addEventListener("focusin", (event) => {
    if (!event.target.matches(":focus-visible")) return;
    const { left, bottom } = event.target.getBoundingClientRect();
    tell(event.target.node, left, Math.min(bottom, innerHeight) - 60);
  });
  map.addEventListener("focusout", () => { tip.hidden = true; });
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const middle = (box) => {
    const { left, top, width, height } = box.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  map.addEventListener("keydown", (event) => {
    const box = event.target.closest(".top");
    if (!box || event.altKey || event.ctrlKey || event.metaKey) return;
    const tops = [...map.querySelectorAll(".top")];
    if (event.key === "Enter" || event.key === " ") go(box.node);
    else if (event.key === "Escape" || event.key === "Backspace") go(here.parent);
    else if (event.key === "Home") focus(tops[0]);
    else if (event.key === "End") focus(tops.at(-1));
    else if (ways[event.key]) {
      const [x, y] = middle(box), [dx, dy] = ways[event.key];
      const far = (one) => {
        const [a, b] = middle(one);
        const along = (a - x) * dx + (b - y) * dy, aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
        return along > 0 ? along + 2 * aside : Infinity;
      };
      const nearest = tops.reduce((best, one) => (far(one) < far(best) ? one : best), box);
      if (nearest !== box) focus(nearest);
    } else return;
    event.preventDefault();
  });
  addEventListener("hashchange", () => {
    const node = at(location.hash) ?? (location.hash === "" ? root : null);
    if (node && node !== here) show(node);
  });

  // ---------------------------------------------------------------- the packages

  const packages = document.getElementById("package-table");
  const rows = [...packages.tBodies[0].rows];
  const filter = document.getElementById("filter"), filtered = document.getElementById("filtered");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    filtered.textContent = filter.value ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  });
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const value = (row, number) => row.cells[number].dataset.value ?? row.cells[number].textContent;
  [...packages.tHead.rows[0].cells].forEach((head, number, heads) => {
    const button = make("button", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = (head.getAttribute("aria-sort") ?? (head.matches(".number") ? "ascending" : "descending")) === "ascending";
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((one, other) => (down ? -1 : 1) * order(value(one, number), value(other, number)));
      packages.tBodies[0].append(...rows);
    });
  });

  document.documentElement.classList.add("scripted");
  show(at(location.hash) ?? root);
  new ResizeObserver(() => {
    const held = map.contains(document.activeElement) ? document.activeElement.node : null;
    draw();
    if (held) focus(boxOf(held));
  }).observe(map);
})();
