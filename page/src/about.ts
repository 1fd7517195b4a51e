// What the model is, as the service tells it; what it cannot do and where it must not be used stands in index.html.
import { element, found } from "./dom";
import { swatch } from "./picture";
import { Refused, cardOf } from "./service";
import type { Model } from "./shapes";

const list = (names: string[]): string => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : (names[0] ?? ""));

export function describe(model: Model): void {
  const trained = model.training_data.map(({ corpus }) => corpus.replaceAll("_", " "));
  const weak = model.dimensions.filter(({ supervision }) => supervision?.acoustic === "weak").map(({ name }) => name);
  const lines = [
    `${model.name} ${model.version}: ${model.description}`,
    `It tells ${model.categories.length} categories (${list(model.categories)}) and ${list(model.dimensions.map(({ name }) => name))} from 0 to 1, from ${list(model.modalities.map((name) => (name === "acoustic" ? "the sound" : "the words")))}.`,
    `It learned from ${trained.length} corpora: ${list(trained)}.`,
    ...(weak.length ? [`From sound, ${list(weak)} rest on weak supervision: nobody rated the recordings on them. Read them as a rough guide.`] : []),
    `Licence of its weights: ${model.licence}.`,
  ];
  const seal = element("p", { class: "hint seal" }, `sha256 ${model.sha256}`);
  found("model").replaceChildren(...lines.map((line) => element("p", {}, line)), seal);
  describeFully(model);
  const items = model.categories.map((name) => element("li", {}, swatch(name), name));
  found("legend").prepend(...items);
}

/** The model card, asked for when it is opened. */
function describeFully(model: Model): void {
  const place = found<HTMLDetailsElement>("card");
  place.hidden = false;
  place.addEventListener("toggle", async () => {
    if (!place.open || place.querySelector("pre")) return;
    const text = await cardOf(model).catch((error: unknown) => (error instanceof Refused ? error.message : String(error)));
    place.append(element("pre", { class: "card", tabindex: 0, role: "region", "aria-label": "Model card" }, text));
  });
}
