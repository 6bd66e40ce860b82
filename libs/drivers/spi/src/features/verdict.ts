/** Whether something can be done, and why not. */
export type Verdict = { readonly supported: true } | { readonly supported: false; readonly why: string };
