// Sets the chosen theme before anything is drawn.
try {
  const theme = JSON.parse(localStorage.getItem("partita.theme"));
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // the system's theme
}
