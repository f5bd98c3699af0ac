// "As system": Bootstrap reads data-bs-theme only. Runs in <head>, before anything is painted.
(() => {
  const light = matchMedia("(prefers-color-scheme: light)");
  const apply = () => { document.documentElement.dataset.bsTheme = light.matches ? "light" : "dark"; };
  light.addEventListener("change", apply);
  apply();
})();
