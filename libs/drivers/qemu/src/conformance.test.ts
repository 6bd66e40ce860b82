import { conformance } from '@virtmesh/driver-testkit';
import { qemuSubject } from './testing/subject.ts';

conformance(qemuSubject);
