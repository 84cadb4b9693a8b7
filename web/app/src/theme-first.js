// Runs before the first paint, as a classic script: see build/theme-script.ts. Keep the key in step with lib/theme.svelte.ts.
(() => {
  try {
    const theme = localStorage.getItem("roomcast.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is blocked: the system's theme stands.
  }
})();
