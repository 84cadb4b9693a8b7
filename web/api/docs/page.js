"use strict";

// The page is whole without this script; it adds buttons that copy an example, and opens the group a link points into.
const status = document.querySelector("[role=status]");

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.nextElementSibling.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    status.textContent = button.textContent;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

function reveal() {
  const link = location.hash && document.querySelector(`nav a[href="${CSS.escape(location.hash).replace("\\#", "#")}"]`);
  const group = link && link.closest("details");
  if (group) group.open = true;
}
addEventListener("hashchange", reveal);
reveal();
