// Says in words what the chosen crontab means, below the choice.
const readable = JSON.parse(document.getElementById("readable-crontabs").textContent);
const choice = document.getElementById("id_crontab");
if (choice) {
  const note = document.createElement("p");
  note.className = "vs-help";
  note.setAttribute("role", "status");
  (choice.closest(".related-widget-wrapper") || choice).after(note);
  const say = () => { note.textContent = readable[choice.value] || ""; };
  choice.addEventListener("change", say);
  say();
}
