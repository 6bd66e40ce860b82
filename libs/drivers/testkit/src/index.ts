export { conformance, type ConformanceGroup } from './conformance.ts';
export type { BrokenSpec, GuestAct, PartialSpec, SpecChange, Subject, SubjectHost } from './subject.ts';
