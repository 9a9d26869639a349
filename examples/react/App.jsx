import "nextquill/element";
import { useEffect, useRef, useState } from "react";

export function App() {
  const quill = useRef(null);
  const [draft, setDraft] = useState("");
  useEffect(() => {
    const element = quill.current;
    const onInput = () => setDraft(element.value);
    element.addEventListener("input", onInput);
    return () => element.removeEventListener("input", onInput);
  }, []);
  return (
    <main>
      <next-quill ref={quill} model="model/" aria-label="Your drafts" />
      <p>{draft.length} characters</p>
    </main>
  );
}
