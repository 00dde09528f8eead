/*
 * What makes a page readable, measured inside it: functions for
 * page.evaluate(), each complete in itself.
 */


/* elements that reach beyond the right edge, or text that is cut off */

export function overflows() {
    const width = document.documentElement.clientWidth;
    const found = [];

    if (document.documentElement.scrollWidth > width) {
        found.push("page: " + document.documentElement.scrollWidth);
    }

    for (const element of document.querySelectorAll("body *")) {
        const box = element.getBoundingClientRect();
        const style = getComputedStyle(element);

        if (box.width === 0 || element.closest(".skip, svg")) {
            continue;
        }

        if (box.right > width + 1 && !element.closest("pre")) {
            found.push(element.tagName + "." + element.className + ": "
                       + box.right);
        }

        if (style.overflowX === "hidden"
            && element.scrollWidth > element.clientWidth + 1)
        {
            found.push(element.tagName + "." + element.className + " is cut: "
                       + element.textContent);
        }
    }

    return found;
}


/* of every element with text of its own */

export function fontSizes() {
    return [...document.querySelectorAll("body *")]
        .filter((e) => e.getClientRects().length
            && !e.closest("script, style, template, noscript")
            && [...e.childNodes].some((n) => n.nodeType === 3
                                             && n.data.trim()))
        .map((e) => ({ px: parseFloat(getComputedStyle(e).fontSize),
                       text: e.textContent.trim().slice(0, 40) }));
}


/* texts that stand out less than they must; by WCAG's formula */

export function contrasts(least) {
    const canvas = document.createElement("canvas");

    canvas.width = canvas.height = 1;

    const context = canvas.getContext("2d", { willReadFrequently: true });

    function paint(colours) {
        context.clearRect(0, 0, 1, 1);

        for (const colour of colours) {
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
        }

        return [...context.getImageData(0, 0, 1, 1).data];
    }

    function luminance([red, green, blue]) {
        const [r, g, b] = [red, green, blue].map((c) => {
            const part = c / 255;

            return part <= 0.04045 ? part / 12.92
                                   : ((part + 0.055) / 1.055) ** 2.4;
        });

        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }

    function grounds(element) {
        const colours = [];

        for (let e = element; e !== null; e = e.parentElement) {
            colours.unshift(getComputedStyle(e).backgroundColor);
        }

        return colours;
    }

    return [...document.querySelectorAll("body *")]
        .filter((e) => e.getClientRects().length
            && !e.closest("script, style, template, noscript, :disabled")
            && [...e.childNodes].some((n) => n.nodeType === 3
                                             && n.data.trim()))
        .map((e) => {
            const ground = grounds(e);
            const back = luminance(paint(ground));
            const text = luminance(paint([...ground,
                                          getComputedStyle(e).color]));
            const ratio = (Math.max(back, text) + 0.05)
                          / (Math.min(back, text) + 0.05);

            return { ratio, text: e.textContent.trim().slice(0, 40) };
        })
        .filter(({ ratio }) => ratio < least);
}


/* buttons too low for a finger */

export function smallTargets(least) {
    return [...document.querySelectorAll("button")]
        .map((e) => ({ text: e.textContent.trim(),
                       height: e.getBoundingClientRect().height }))
        .filter(({ height }) => height < least);
}
