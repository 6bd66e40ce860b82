export { raceAbort, sleep } from './abort.ts';
export { Broadcast } from './broadcast.ts';
export { type Clock, systemClock } from './clock.ts';
export { Fault, type FaultOptions, type Violation } from './fault.ts';
export { KeyedQueue } from './keyed-queue.ts';
export { LineSplitter } from './line-splitter.ts';
export { merged } from './merged.ts';
export {
  anyNode,
  type DomainName,
  domainIdRule,
  domainName,
  isDeviceId,
  isDomainId,
  isNodeId,
  isUuid,
  nodeIdRule,
  nodeName,
  operationName,
  parseDomainName,
  parseNodeName,
  parseOperationName,
} from './names.ts';
export { Code, type Reason, reasonCodes } from './reasons.ts';
export { settledWithin } from './settled-within.ts';
export { next, statesAllowing, type TransitionTable } from './state-machine.ts';
export { abortFault, runSteps, type Step, type StepObserver, undoSteps } from './steps.ts';
export { decodeToken, encodeToken, encodeTokenOf } from './token.ts';
export { formatBytes, GiB, KiB, MiB } from './units.ts';
