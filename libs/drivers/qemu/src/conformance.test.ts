import { conformance } from '@virtmesh/driver-testkit';
import { qemuLinuxSubject, qemuSubject } from './testing/subject.ts';

conformance(qemuSubject);
conformance(qemuLinuxSubject, ['guest']);
