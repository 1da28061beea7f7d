import { useEffect, useState } from "preact/hooks";
import { asFailure, post } from "../../api/client";
import type { Difference, Failure, Generation, Plan } from "../../api/types";
import { language, useSay } from "../../app/language";
import { live } from "../../app/live";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Choice, Loading } from "../../ui/parts";
import { useAction, useGet } from "../../ui/use";
import { useDesignTexts, useDesk } from "./desk";
import { calls } from "./model/calls";
import { siteFile } from "./model/editor";

/** What is different between the design here and one that the box has or had. */
export function CompareView() {
  const { editor, state } = useDesk();
  const t = useDesignTexts();
  const now = useStore(language);
  const inForce = useStore(live).status?.generation ?? 0;
  const generations = useGet<Generation[]>("/generations");
  const [chosen, setChosen] = useState("");
  const number = Number(chosen || inForce);
  const [found, setFound] = useState<Difference[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const { text, profile, busy } = state;
  // Text and profile are what the editor's files are made of.
  useEffect(() => {
    if (number === 0 || busy) return;
    let left = false;
    setFound(null);
    const ask = async () => {
      const { site, profile: theirs } = await calls.generation(number);
      return calls.compare({ site, profile: theirs }, editor.files);
    };
    ask().then(
      (differences) => {
        if (left) return;
        setFound(differences);
        setFailure(null);
      },
      (thrown: unknown) => !left && setFailure(asFailure(thrown)),
    );
    return () => {
      left = true;
    };
  }, [number, text, profile, busy]);
  const kept = (generations.value ?? []).filter((one) => one.number !== inForce);
  const name = (one: Generation) => one.author.name ?? `uid ${one.author.uid}`;
  return (
    <div class="stack">
      {inForce === 0 && kept.length === 0 ? (
        <p>{t.compare.none}</p>
      ) : (
        <Choice
          label={t.compare.with}
          value={chosen || String(inForce)}
          options={[
            ...(inForce > 0 ? [[String(inForce), t.compare.inForce(inForce)] as const] : []),
            ...kept.map(
              (one) =>
                [
                  String(one.number),
                  t.compare.generation(one.number, dateTime(one.at, now), name(one)),
                ] as const,
            ),
          ]}
          onValue={setChosen}
        />
      )}
      <FailureNotice failure={generations.failure ?? failure} />
      {number > 0 && !found && !failure && <Loading />}
      {found && <Differences differences={found} lead={t.compare.to} />}
      <Steps />
    </div>
  );
}

/** Differences in sentences. */
export function Differences({ differences, lead }: { differences: readonly Difference[]; lead?: string }) {
  const t = useDesignTexts();
  const say = useSay();
  if (differences.length === 0) return <Notice tone="ok" title={t.compare.same} />;
  return (
    <section aria-label={t.compare.count(differences.length)}>
      <h2>{t.compare.count(differences.length)}</h2>
      {lead && <p class="quiet">{lead}</p>}
      <ul class="design-differences">
        {differences.map((difference, index) => (
          <li key={index}>
            {say(difference.sentence)} <code class="quiet">{difference.path}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What the box would do inside, for those who ask. */
function Steps() {
  const { editor } = useDesk();
  const t = useDesignTexts();
  const say = useSay();
  const [plan, setPlan] = useState<Plan | null>(null);
  const ask = useAction(async () => {
    const { site, profile } = editor.files;
    const proposal = {
      site: { name: siteFile, text: site },
      ...(profile !== undefined && { profile: { name: "platform-profile.toml", text: profile } }),
    };
    setPlan(await post<Plan>("/plan", proposal));
  });
  return (
    <Card
      title={t.compare.steps}
      actions={
        <Button busy={ask.busy} onClick={() => ask.run()}>
          {t.compare.showSteps}
        </Button>
      }
    >
      <FailureNotice failure={ask.failure} />
      {plan && plan.steps.length === 0 && <p>{t.compare.noSteps}</p>}
      {plan && (
        <ol class="design-differences small">
          {plan.steps.map((step, index) => (
            <li key={index}>{say(step.sentence)}</li>
          ))}
        </ol>
      )}
    </Card>
  );
}
