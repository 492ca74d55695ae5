/** Words of the page about the server. */

export const about = {
  'about.title': 'About',
  'about.subtitle': 'What runs here, and where to read more.',
  'about.server': 'Server',
  'about.version': 'Version',
  'about.streams': 'Open streams',
  'about.clock': 'Server clock',
  'about.clock.agrees': 'agrees with this device',
  'about.clock.ahead': '{time} ahead of this device',
  'about.clock.behind': '{time} behind this device',
  'about.sources': 'DHCP sources',
  'about.documents': 'Documents',
  'about.docs': 'REST API, to read and try',
  'about.openapi': 'OpenAPI document',
  'about.metrics': 'Figures for Prometheus',
  'about.licence': 'Licence',
  'about.licence.text':
    'Tidings is free software under the MIT or the Apache-2.0 licence. Type: Inter and JetBrains Mono, both under the SIL Open Font License 1.1. Icons: Lucide, under the ISC licence.',
  'about.privacy': 'Nothing leaves this server',
  'about.privacy.text':
    'This page loads everything from its own server and sends nothing elsewhere. It works without internet.',
} as const
