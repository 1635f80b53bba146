// What the console's own pages need beyond HTML. Every page works without it.
(() => {
  "use strict";

  const show = (element, wanted) => { element.hidden = !wanted; };
  const chosen = (root, name) => root.querySelector(`input[name="${name}"]:checked`)?.value;

  /** Radio buttons `name` show the part of the form whose data attribute has their value. */
  function parts(form, name) {
    const sync = () => {
      for (const part of form.querySelectorAll(`[data-${name}]`)) show(part, part.dataset[name] === chosen(form, name));
    };
    for (const input of form.querySelectorAll(`input[name="${name}"]`)) input.addEventListener("change", sync);
    sync();
  }

  /** A field's inputs that do not belong to its type are hidden and emptied. */
  function fieldRow(row) {
    const type = row.querySelector("select[name$='-type']");
    const sync = (event) => {
      for (const input of row.querySelectorAll("[data-for]")) {
        const fits = input.dataset.for.split(" ").includes(type.value);
        show(input.closest(".vs-field"), fits);
        if (!fits && event) input.value = "";
      }
    };
    type.addEventListener("change", sync);
    sync();
  }

  function fieldRows(form) {
    const total = form.querySelector("#id_fields-TOTAL_FORMS");
    const rows = form.querySelector(".vs-rows");
    rows.querySelectorAll(".vs-row").forEach(fieldRow);
    form.querySelector("button[name='add_field']").addEventListener("click", (event) => {
      event.preventDefault();
      const holder = document.createElement("div");
      holder.innerHTML = form.querySelector("#vs-empty-row").innerHTML.replaceAll("__prefix__", total.value);
      const row = holder.querySelector(".vs-row");
      total.value = Number(total.value) + 1;
      row.querySelector(".vs-row-number").textContent = total.value;
      rows.append(row);
      fieldRow(row);
      row.querySelector("input[name$='-name']").focus();
    });
  }

  function indexKinds(form) {
    const kind = form.querySelector("#id_index_kind");
    const sync = () => {
      for (const part of form.querySelectorAll("[data-kind]")) {
        show(part, part.dataset.kind === kind.value);
        part.open = part.dataset.kind === kind.value;
      }
    };
    kind.addEventListener("change", sync);
    sync();
  }

  function suggestedShards(form) {
    const rows = form.querySelector("#id_expected_rows");
    rows.addEventListener("change", async () => {
      const answer = await fetch(`${form.dataset.shardsUrl}?expected_rows=${encodeURIComponent(rows.value)}`);
      if (answer.ok) form.querySelector("#vs-shards").textContent = (await answer.json()).shards;
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const searchbar = document.getElementById("searchbar");  // Unfold's has no label
    searchbar?.setAttribute("aria-label", searchbar.placeholder);
    const create = document.querySelector(".vs-create");
    if (create) {
      parts(create, "schema");
      fieldRows(create);
      indexKinds(create);
      suggestedShards(create);
    }
    const search = document.querySelector(".vs-search");
    if (search) {
      if (search.querySelector("[data-by]")) parts(search, "by");
      search.querySelector("#id_collection").addEventListener("change", (event) => {
        window.location.search = `?collection=${encodeURIComponent(event.target.value)}`;
      });
    }
  });
})();
