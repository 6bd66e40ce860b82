export { type NewOperation, Operations, type OperationsOptions } from './operations.ts';
export type { OperationPort, OperationSelection } from './port.ts';
export type { Running } from './running.ts';
export { operationService } from './service.ts';
export { hasEnded } from './states.ts';
