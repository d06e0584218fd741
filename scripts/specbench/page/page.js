// The page's own script: switches, a cell's details, zoom. Everything that it shows is also there without it. Text of
// cells enters as text, never as markup.
"use strict";
(function () {
  var root = document.documentElement;
  var STEPS = 32;
  var holder = document.getElementById("cells");
  var data = holder ? JSON.parse(holder.textContent) : { figures: [], columns: [], shares: [], places: [] };
  var panel = document.getElementById("details");

  function make(name, text, kind) {
    var element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  }

  function fixed(value) { return value === null || value === undefined ? "–" : value.toFixed(2); }

  function figure(value, at) {
    if (value === null || value === undefined) return "–";
    if (data.shares.indexOf(at + 1) >= 0) return (100 * value).toFixed(0) + " %";
    return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  }

  // Which speed-up the maps show.
  function showFigure(name) {
    var at = data.figures.indexOf(name);
    root.dataset.figure = name;
    document.querySelectorAll("#maps a.c").forEach(function (cell) {
      var one = data.places[cell.dataset.n - 1].s[at];
      var texts = cell.querySelectorAll("text");
      var step = "x";
      if (one) {
        var share = 0.5 + 0.5 * Math.log(one[0]) / Math.log(data.reach);
        step = Math.floor(Math.max(0, Math.min(1, share)) * STEPS + 0.5);
      }
      cell.setAttribute("class", cell.getAttribute("class").replace(/\bf(x|\d+)\b/, "f" + step));
      var mark = texts[0].textContent.replace(/^[\d.–]+/, "");
      texts[0].textContent = fixed(one && one[0]) + mark;
      var reach = one && one[1] !== null ? fixed(one[1]) + "–" + fixed(one[2]) : "";
      texts[1].textContent = one && one[3] ? "(" + reach + ")" : reach;
    });
  }

  function row(body, name, values) {
    var line = make("tr");
    line.appendChild(make("th", name));
    values.forEach(function (value) { line.appendChild(make("td", value, "n")); });
    body.appendChild(line);
  }

  function list(panel, items) {
    var all = make("ul");
    items.forEach(function (item) { all.appendChild(make("li", item)); });
    panel.appendChild(all);
  }

  function link(text, target, act) {
    var element = make("a", text);
    element.href = "#" + target;
    if (act) element.addEventListener("click", function (event) { event.preventDefault(); act(); });
    return element;
  }

  function showDetails(number) {
    var one = data.places[number - 1];
    if (!one || !panel) return;
    var base = one.b ? data.places[one.b - 1] : null;
    panel.textContent = "";
    panel.appendChild(make("h3", one.n));
    var close = make("button", "×", "close");
    close.setAttribute("aria-label", "close");
    close.addEventListener("click", hideDetails);
    panel.appendChild(close);
    var line = make("p", (one.v || (one.b ? "no verdict" : "")) + (one.y ? (one.v ? ": " : ", ") + one.y : ""));
    panel.appendChild(line);
    if (one.o) panel.appendChild(make("p", "lossy: " + one.o, "faint"));
    if (one.s.some(function (ratio) { return ratio; })) {
      var ratios = make("table"), ratioBody = make("tbody");
      data.figures.forEach(function (name, i) {
        var ratio = one.s[i];
        if (ratio) {
          row(ratioBody, name.replace(/_/g, " "), [fixed(ratio[0]),
            ratio[1] === null ? "" : (ratio[3] ? "(" : "[") + fixed(ratio[1]) + ", " + fixed(ratio[2]) +
            (ratio[3] ? ") within-run only" : "]")]);
        }
      });
      ratios.appendChild(ratioBody);
      panel.appendChild(ratios);
    }
    if (one.x) {
      panel.appendChild(make("p", "tokens a step × " + fixed(one.x[0]) + ", step time × " + fixed(one.x[1]) +
        ", outside decoding × " + fixed(one.x[2]) + " = output throughput × " + fixed(one.x[3]), "faint"));
    }
    if (one.j) panel.appendChild(make("p", "energy of an output token: " + one.j, "faint"));
    var figures = make("table"), body = make("tbody");
    if (base) row(body, "", ["this", "baseline"]);
    data.columns.forEach(function (title, i) {
      if (one.f[i] === null) return;
      var name = title === "p99" ? data.columns[i - 1].replace("p50", "p99") : title;
      row(body, name, base ? [figure(one.f[i], i), figure(base.f[i], i)] : [figure(one.f[i], i)]);
    });
    figures.appendChild(body);
    panel.appendChild(figures);
    if (one.l) list(panel, one.l);
    var last = make("p", one.t + ", " + one.r + (one.r === 1 ? " run; " : " repeats; "), "faint");
    last.appendChild(link("server " + one.w, "server-" + one.w));
    last.appendChild(document.createTextNode(", "));
    last.appendChild(link("its row", "p" + number));
    if (base) {
      last.appendChild(document.createTextNode(", "));
      last.appendChild(link("its baseline", "p" + one.b, function () { showDetails(one.b); }));
    }
    last.appendChild(document.createTextNode("; cells/" + one.i.join(", ")));
    panel.appendChild(last);
    panel.hidden = false;
    document.querySelectorAll("tr.chosen").forEach(function (line) { line.classList.remove("chosen"); });
    var mine = document.getElementById("p" + number);
    if (mine) mine.classList.add("chosen");
  }

  function hideDetails() { panel.hidden = true; }

  document.addEventListener("click", function (event) {
    var cell = event.target.closest("[data-n]");
    if (!cell || panel.contains(event.target)) return;
    event.preventDefault();
    showDetails(Number(cell.dataset.n));
  });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") hideDetails(); });

  // What a reader chose stays chosen where the page reads itself anew. Some browsers refuse to keep anything.
  function kept(id, value) {
    try {
      if (value !== undefined) sessionStorage.setItem(id + location.pathname, value);
      return sessionStorage.getItem(id + location.pathname);
    } catch (_) {
      return null;
    }
  }

  function wire(id, act) {
    var select = document.getElementById(id);
    if (!select) return;
    select.addEventListener("change", function () { act(kept(id, select.value) || select.value); });
    var before = kept(id);
    var known = Array.prototype.some.call(select.options, function (option) { return option.value === before; });
    if (!known || before === select.value) return;
    select.value = before;
    act(before);
  }
  wire("figure", showFigure);
  wire("palette", function (name) { root.dataset.palette = name; });
  document.querySelectorAll(".switches").forEach(function (part) { part.hidden = false; });

  // A copy button beside what is meant to be pasted.
  document.querySelectorAll("pre.copy").forEach(function (block) {
    var button = make("button", "copy");
    button.addEventListener("click", function () {
      var range = document.createRange();
      range.selectNodeContents(block);
      var chosen = window.getSelection();
      chosen.removeAllRanges();
      chosen.addRange(range);
      if (navigator.clipboard) navigator.clipboard.writeText(block.textContent).catch(function () {});
    });
    var box = make("div", null, "box");
    block.parentNode.insertBefore(box, block);
    box.appendChild(block);
    box.appendChild(button);
  });

  // Waterfalls: the wheel zooms along the time, dragging moves, a double click shows all. The marks of the axis stay
  // where they are and change their numbers.
  document.querySelectorAll("figure.stretch").forEach(function (picture) {
    var times = picture.querySelector("svg.times"), span = Number(picture.dataset.span);
    var whole = times.getAttribute("viewBox").split(" ").map(Number);
    var left = whole[0], width = whole[2], dragged = null;
    var marks = Array.prototype.filter.call(picture.querySelectorAll("text.m.tick"), function (mark) {
      return mark.parentNode !== times;
    });
    var digits = marks.map(function (mark) { return mark.textContent; });
    function show() {
      width = Math.min(whole[2], Math.max(whole[2] / 500, width));
      left = Math.max(whole[0], Math.min(whole[0] + whole[2] - width, left));
      times.setAttribute("viewBox", left + " 0 " + width + " " + whole[3]);
      marks.forEach(function (mark, i) {
        var share = (Number(mark.getAttribute("x")) - whole[0]) / whole[2];
        var ms = (left - whole[0] + share * width) / whole[2] * span;
        mark.textContent = width === whole[2] ? digits[i] : Number(ms.toPrecision(5));
      });
    }
    function at(event) {
      var box = times.getBoundingClientRect();
      return (event.clientX - box.left) / box.width;
    }
    picture.addEventListener("wheel", function (event) {
      event.preventDefault();
      var share = at(event), focus = left + share * width;
      width = Math.min(whole[2], width * (event.deltaY > 0 ? 1.25 : 0.8));
      left = focus - share * width;
      show();
    }, { passive: false });
    picture.addEventListener("pointerdown", function (event) {
      dragged = { x: at(event), left: left };
      picture.setPointerCapture(event.pointerId);
    });
    picture.addEventListener("pointermove", function (event) {
      if (!dragged) return;
      left = dragged.left - (at(event) - dragged.x) * width;
      show();
    });
    picture.addEventListener("pointerup", function () { dragged = null; });
    picture.addEventListener("dblclick", function () { left = whole[0]; width = whole[2]; show(); });
  });

  // Rows for the library: one a value of x, a column a series.
  function table(series) {
    var rows = [];
    series.forEach(function (one, i) {
      one.points.forEach(function (point) {
        var line = [point[0]];
        series.forEach(function (_, k) { line.push(k === i ? point[1] : null); });
        rows.push(line);
      });
    });
    rows.sort(function (a, b) { return a[0] - b[0]; });
    return rows;
  }

  function zoom(picture, series) {
    var chart = make("div", null, "chart");
    picture.classList.add("zoomed");
    picture.insertBefore(chart, picture.querySelector(".key"));
    var colours = series.series.map(function (_, i) {
      var probe = picture.appendChild(make("span", "", "s" + (i % 8 + 1)));
      var value = getComputedStyle(probe).getPropertyValue("--c").trim();
      probe.remove();
      return value;
    });
    return new window.Dygraph(chart, table(series.series), {
      labels: [series.x].concat(series.series.map(function (one) { return one.name; })),
      xlabel: series.x, ylabel: series.y, colors: colours, connectSeparatedPoints: !series.dots,
      drawPoints: Boolean(series.dots), pointSize: 3.5, strokeWidth: series.dots ? 0 : 2, legend: "follow",
      gridLineColor: "rgba(128,128,128,.3)", axisLineColor: "rgba(128,128,128,.6)"
    });
  }

  if (window.Dygraph) {
    document.querySelectorAll("figure.zoomable").forEach(function (picture) {
      var button = make("button", "zoom");
      button.addEventListener("click", function () {
        button.remove();
        zoom(picture, JSON.parse(picture.querySelector("script.series").textContent));
      });
      picture.querySelector("figcaption").appendChild(document.createTextNode(" "));
      picture.querySelector("figcaption").appendChild(button);
    });
  }

  // A link to a cell's row opens what it lies in, and its details.
  function follow() {
    var target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (var part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    target.scrollIntoView({ block: "center" });
    if (target.dataset.n) showDetails(Number(target.dataset.n));
  }
  window.addEventListener("hashchange", follow);
  if (location.hash) follow();
})();
