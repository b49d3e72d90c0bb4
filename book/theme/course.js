// One button for readers who want the bodies of the exercises in sight: it unfolds all of a page, or folds them again,
// and the choice holds for the next page. Without scripts, each body unfolds by itself as before.
(function () {
    "use strict";
    const key = "course-bodies";
    const bodies = Array.from(document.querySelectorAll("details.body"));
    const main = document.querySelector(".content main");
    if (bodies.length === 0 || !main) {
        return;
    }

    // A browser may forbid storage, for a file or altogether. Then the choice holds for this page alone.
    function remembered() {
        try {
            return window.localStorage.getItem(key) === "shown";
        } catch (forbidden) {
            return false;
        }
    }

    function remember(shown) {
        try {
            window.localStorage.setItem(key, shown ? "shown" : "folded");
        } catch (forbidden) {
            // There is nothing to do about it.
        }
    }

    const button = document.createElement("button");
    button.type = "button";
    button.className = "all-bodies";
    let shown = remembered();

    function show() {
        bodies.forEach(function (body) {
            body.open = shown;
        });
        button.textContent = shown ? "Fold them again" : "Show all bodies";
    }

    button.addEventListener("click", function () {
        shown = !shown;
        remember(shown);
        show();
    });
    show();
    const title = main.querySelector("h1");
    main.insertBefore(button, title && title.parentElement === main ? title.nextSibling : main.firstChild);
})();
