// Looks at a report as people do, and lists what is wrong with it.
(() => {
	const wrong = [];
	const all = (selector, root = document) => [...root.querySelectorAll(selector)];
	const name = e => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}${e.getAttribute("class") ? "." + e.getAttribute("class") : ""} “${(e.textContent || "").trim().slice(0, 40)}”`;
	const shown = e => e.checkVisibility({ visibilityProperty: true });

	for (const closed of [true, false]) {
		all("details").forEach(d => { d.open = !closed; });
		const wide = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth > wide) {
			wrong.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${wide}`);
		}
		for (const e of all("body *")) {
			const box = e.getBoundingClientRect();
			if (shown(e) && !e.closest(".patterns") && box.width > 0 && (box.right > wide + 0.5 || box.left < -0.5)) {
				wrong.push(`${name(e)} reaches from ${box.left} to ${box.right}`);
			}
		}
	}

	// Nothing is wider than its box, so that nothing must be scrolled sideways.
	for (const e of all("table, td, th, code, section, li, dl")) {
		if (shown(e) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) wrong.push(`${name(e)} is ${e.scrollWidth} wide in ${e.clientWidth}`);
	}

	// On a phone, what can be tapped is 44 pixels high, and not beside something else that can.
	if (document.documentElement.clientWidth <= 390) {
		const targets = all("a, button, summary, [tabindex]").filter(shown).map(e => [e, e.getBoundingClientRect()]);
		for (const [e, box] of targets) {
			if (box.height < 44 || box.width < 44) wrong.push(`${name(e)} is a target of ${box.width} × ${box.height}`);
		}
		targets.forEach(([a, p], i) => targets.slice(i + 1).forEach(([b, q]) => {
			if (p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom) wrong.push(`${name(a)} overlaps ${name(b)}`);
		}));
	}

	// Charts: drawn, within their bounds, named, and without letters upon letters.
	for (const svg of all("svg[role=img]").filter(shown)) {
		const box = svg.getBoundingClientRect();
		const marks = all("rect:not(.held)", svg).map(r => r.getBoundingClientRect());
		if (!(box.width > 0 && box.height > 0) || !marks.some(r => r.width > 0 && r.height > 0)) wrong.push(`${name(svg)} is not drawn`);
		for (const r of marks) {
			if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1) {
				wrong.push(`a mark of ${name(svg)} is out of it`);
			}
		}
		const labels = (svg.getAttribute("aria-labelledby") || "").split(" ").map(id => document.getElementById(id));
		if (labels.length === 0 || labels.some(l => !l || !svg.contains(l) || !l.textContent.trim())) wrong.push(`${name(svg)} has no name`);
		const texts = all("text", svg);
		texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
			const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
			if (p.left < q.right && q.left < p.right && p.top + 1 < q.bottom && q.top + 1 < p.bottom) wrong.push(`“${a.textContent}” is upon “${b.textContent}”`);
		}));
		if (!svg.closest("table") && !svg.closest("figure, section").querySelector("table, .key")) wrong.push(`${name(svg)} has no numbers beside it`);
	}
	for (const svg of all("svg:not([role=img])")) {
		if (svg.getAttribute("aria-hidden") !== "true") wrong.push(`${name(svg)} is neither hidden nor an image`);
	}

	// Structure.
	for (const [selector, count] of [["h1", 1], ["main", 1], ["body > header", 1], ["body > footer", 1]]) {
		if (all(selector).length !== count) wrong.push(`${all(selector).length} of ${selector}`);
	}
	let before = 0;
	for (const h of all("h1,h2,h3,h4,h5,h6")) {
		const level = Number(h.tagName[1]);
		if (level > before + 1) wrong.push(`${name(h)} follows a heading of level ${before}`);
		before = level;
	}
	const ids = all("[id]").map(e => e.id);
	ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => wrong.push(`the id ${id} is there twice`));
	for (const e of all("[aria-labelledby]")) {
		e.getAttribute("aria-labelledby").split(" ").forEach(id => { if (!ids.includes(id)) wrong.push(`${name(e)} is named by ${id}, which is not there`); });
	}
	for (const a of all("a[href^='#']")) {
		if (!ids.includes(a.getAttribute("href").slice(1))) wrong.push(`${name(a)} leads nowhere`);
	}
	for (const th of all("th")) {
		if (!["col", "row", "rowgroup"].includes(th.getAttribute("scope"))) wrong.push(`${name(th)} has no scope`);
	}
	for (const table of all("table")) {
		if (!table.querySelector("thead th")) wrong.push(`${name(table)} has no header`);
	}
	for (const r of all(".key rect, .outcome .bar rect")) {
		const fill = getComputedStyle(r).fill;
		const colors = ["succeeded", "released", "review", "track"];
		if (!fill.startsWith("url(") && !colors.includes(r.getAttribute("class"))) wrong.push(`${name(r)} differs by its color alone`);
	}
	if (all("script,iframe,object,embed,form,img,[style]").length > 0) wrong.push("something is there that must not be");

	// Letters are 12 pixels on a screen, 8 points on paper; contrast: 4.5 for text, 3 for what a chart says.
	const smallest = matchMedia("print").matches ? 10.5 : 12;
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = color => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const luminance = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const contrast = (a, b) => {
		const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
		return (high + 0.05) / (low + 0.05);
	};
	const ground = e => {
		for (; e; e = e.parentElement) {
			const color = rgba(getComputedStyle(e).backgroundColor);
			if (color[3] === 255) return color;
		}
		return [255, 255, 255, 255];
	};
	for (const e of all("body *")) {
		const speaks = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
		if (!speaks || !shown(e) || ["title", "desc"].includes(e.tagName)) continue;
		const style = getComputedStyle(e);
		const ratio = contrast(rgba(e instanceof SVGElement ? style.fill : style.color), ground(e));
		if (ratio < 4.5) wrong.push(`${name(e)} has a contrast of ${ratio.toFixed(2)}`);
		if (parseFloat(style.fontSize) < smallest) wrong.push(`${name(e)} is ${style.fontSize} small`);
	}
	for (const r of all("svg rect.succeeded, svg rect.review, pattern .over")) {
		const ratio = contrast(rgba(getComputedStyle(r).fill), ground(r.closest("svg").parentElement));
		if (ratio < 3) wrong.push(`${name(r)} has a contrast of ${ratio.toFixed(2)}`);
	}
	return [...new Set(wrong)].slice(0, 40);
})()
