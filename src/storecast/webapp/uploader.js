// Sends one file to this app, which passes it on piece by piece, and says how far it is.
const MOST_WRONG = 20;
const PREVIEW = 6;

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const find = (name) => parentElement.querySelector("." + name);
  const root = find("uploader");
  // Called again whenever the page is drawn anew: what is under way goes on.
  root.now = { data, setTriggerValue };
  find("title").textContent = data.title;
  find("hint").textContent = data.hint;
  find("file").accept = data.accept;
  if (root.ready) return;
  root.ready = true;
  const [drop, input, going, bar, how, said, made] =
    ["drop", "file", "going", "bar", "how", "said", "made"].map(find);
  let request = null;

  const add = (parent, tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    parent.append(element);
    return element;
  };

  const say = (lines, wrong = []) => {
    said.replaceChildren();
    lines.filter(Boolean).forEach((line) => add(said, "p", line));
    if (!wrong.length) return;
    const list = add(said, "ul", "");
    wrong.slice(0, MOST_WRONG).forEach((w) => {
      const row = w.row == null ? "" : `Row ${w.row}, `;
      add(list, "li", `${row}${String(w.field).replace(/^rows\[\d+\]\./, "")}: ${w.detail}`);
    });
    if (wrong.length > MOST_WRONG) add(list, "li", `and ${wrong.length - MOST_WRONG} more`);
  };

  const end = () => {
    request = null;
    going.hidden = true;
    drop.classList.remove("busy");
    input.disabled = false;
    input.value = "";
  };

  const refused = async (answer) => {
    let problem = {};
    try {
      problem = JSON.parse(answer.response instanceof Blob ? await answer.response.text() : answer.response);
    } catch {
      problem = { title: "The file was not taken", detail: `The way to the service answered ${answer.status}.` };
    }
    if (root.now.data.answer && problem.errors?.length) {
      return say(
        ["Nothing was predicted: some rows cannot be. Correct them and choose the file again.",
          "Rows are counted without the header."],
        problem.errors,
      );
    }
    say([problem.title, problem.detail, problem.remedy], problem.errors);
  };

  const offer = async (blob, name) => {
    made.replaceChildren();
    const rows = (await blob.text()).split("\n").filter(Boolean);
    add(made, "p", `${(rows.length - 1).toLocaleString()} rows are predicted.`);
    const link = add(made, "a", "Save predictions.csv");
    link.href = URL.createObjectURL(blob);
    link.download = name.replace(/\.[^.]*$/, "") + "-predictions.csv";
    const frame = add(made, "div", "");
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "The first predictions");
    const table = add(frame, "table", "");
    rows.slice(0, PREVIEW).forEach((line, i) => {
      const row = add(table, "tr", "");
      line.split(",").forEach((cell) => add(row, i ? "td" : "th", cell));
    });
    root.now.setTriggerValue("predicted", rows.length - 1);
  };

  const send = (file) => {
    const { data } = root.now;
    said.replaceChildren();
    made.replaceChildren();
    const ending = file.name.slice(file.name.lastIndexOf(".")).toLowerCase();
    if (!data.endings.includes(ending)) {
      return say([`${file.name} is none of the kinds that are read here.`, data.kinds]);
    }
    if (!file.size) return say([`${file.name} is empty.`, "Choose a file with rows in it."]);
    if (file.size > data.limit) return say([`${file.name} is too large.`, data.large]);
    request = new XMLHttpRequest();
    request.open("POST", `${data.url}?name=${encodeURIComponent(file.name.slice(-200))}`);
    if (data.answer) request.responseType = "blob";
    request.upload.onprogress = (event) => {
      const percent = Math.round((100 * event.loaded) / event.total);
      bar.value = percent;
      how.textContent = percent < 100 ? `${percent} % of ${file.name} sent` : data.waiting;
    };
    request.onload = async () => {
      const answer = request;
      end();
      if (answer.status >= 300) return refused(answer);
      if (data.answer) return offer(answer.response, file.name);
      how.textContent = "";
      root.now.setTriggerValue("stored", JSON.parse(answer.response).dataset.id);
    };
    request.onerror = () => {
      end();
      say(["The connection broke off before all of the file was there.", "Nothing was kept. Choose the file again."]);
    };
    request.onabort = end;
    bar.value = 0;
    how.textContent = `0 % of ${file.name} sent`;
    going.hidden = false;
    drop.classList.add("busy");
    input.disabled = true;
    request.send(file);
  };

  input.onchange = () => input.files.length && send(input.files[0]);
  find("cancel").onclick = () => request && request.abort();
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!request && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  };
}
