// CodeMirror for Python, in a chunk of its own. It lives in a shadow root:
// there its styles are adopted sheets, which a strict Content-Security-Policy
// allows, and style elements are not.
import { autocompletion, closeBrackets, closeBracketsKeymap, completeAnyWord } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { python } from '@codemirror/lang-python'
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language'
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { unifiedMergeView } from '@codemirror/merge'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorState, type Extension } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags as t } from '@lezer/highlight'

export interface Mark {
  line: number
  column?: number | undefined
  endLine?: number | undefined
  endColumn?: number | undefined
  message: string
  severity: 'error' | 'warning'
}

const colours = HighlightStyle.define([
  { tag: [t.keyword, t.operatorKeyword, t.controlKeyword, t.moduleKeyword], color: 'light-dark(#7a2fb0, #d0a2f7)' },
  { tag: [t.string, t.special(t.string)], color: 'light-dark(#176b3a, #8bd9a8)' },
  { tag: [t.number, t.bool, t.null], color: 'light-dark(#a04400, #f5b37a)' },
  { tag: t.comment, color: 'light-dark(#5d6678, #98a1b3)', fontStyle: 'italic' },
  { tag: [t.function(t.variableName), t.function(t.propertyName)], color: 'light-dark(#2247b8, #9db8ff)' },
  { tag: [t.className, t.definition(t.className)], color: 'light-dark(#0b6680, #74cde6)' },
])

const look = EditorView.theme({
  '&': { backgroundColor: 'var(--panel)', color: 'var(--text)', fontSize: '13.5px', maxHeight: '70vh' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--sunk)', color: 'var(--muted)', border: 'none', borderRight: '1px solid var(--line)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent) 7%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent)',
  },
  '.cm-tooltip, .cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: '1px solid var(--line)' },
  '.cm-diagnostic': { padding: '6px 10px', maxWidth: '70ch', whiteSpace: 'pre-wrap' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad) 1.5px', textUnderlineOffset: '3px' },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warn) 1.5px', textUnderlineOffset: '3px' },
  '.cm-changedLine': { backgroundColor: 'var(--good-soft) !important' },
  '.cm-deletedChunk': { backgroundColor: 'var(--bad-soft) !important' },
})

export interface Editor {
  setText(text: string): void
  setMarks(marks: Mark[]): void
  destroy(): void
}

interface Setup {
  host: HTMLElement
  text: string
  label: string
  changed?: (text: string) => void
  /** Shows what changed since this text; the editor is then read only. */
  since?: string | undefined
  readOnly?: boolean
}

export function edit(setup: Setup): Editor {
  const root = setup.host.shadowRoot ?? setup.host.attachShadow({ mode: 'open' })
  root.replaceChildren()
  const view = new EditorView({ root, parent: root, state: EditorState.create({ doc: setup.text, extensions: extensions(setup) }) })
  return {
    setText(text) {
      if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
    },
    setMarks(marks) {
      view.dispatch(setDiagnostics(view.state, marks.map((m) => diagnostic(view.state, m))))
      const first = marks.find((m) => m.severity === 'error')
      if (first) view.dispatch({ effects: EditorView.scrollIntoView(place(view.state, first.line, 1), { y: 'center' }) })
    },
    destroy: () => view.destroy(),
  }
}

function extensions(setup: Setup): Extension[] {
  const fixed = setup.readOnly || setup.since !== undefined
  return [
    lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), python(), indentUnit.of('    '),
    syntaxHighlighting(colours), look, EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': setup.label }),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...(fixed ? [] : [indentWithTab])]),
    fixed
      ? [EditorState.readOnly.of(true)]
      : [closeBrackets(), autocompletion({ override: [completeAnyWord], activateOnTyping: false }), highlightActiveLine(), highlightSelectionMatches(), lintGutter()],
    setup.since === undefined ? [] : unifiedMergeView({ original: setup.since, mergeControls: false, highlightChanges: true }),
    EditorView.updateListener.of((u) => {
      if (u.docChanged) setup.changed?.(u.state.doc.toString())
    }),
  ]
}

/** Line and column count from 1; columns count characters, CodeMirror's offsets UTF-16 units. */
function place(state: EditorState, line: number, column: number): number {
  const at = state.doc.line(Math.max(1, Math.min(line, state.doc.lines)))
  const before = [...at.text].slice(0, Math.max(0, column - 1)).join('')
  return at.from + before.length
}

function diagnostic(state: EditorState, m: Mark): Diagnostic {
  const from = place(state, m.line, m.column ?? 1)
  const lineEnd = state.doc.lineAt(from).to
  const to = m.endColumn ? place(state, m.endLine ?? m.line, m.endColumn) : lineEnd
  return { from, to: Math.max(from, Math.min(to, state.doc.length)), severity: m.severity, message: m.message }
}
