/** Command palette: pages, actions, and leases by address, name or hardware address. */

import { Autocomplete } from '@base-ui/react/autocomplete'
import { Dialog } from '@base-ui/react/dialog'
import { Search } from 'lucide-react'
import { type ReactNode, useRef, useState } from 'react'
import { t } from '../../lib/i18n.ts'
import { type Command, type CommandGroup, useCommands } from './useCommands.ts'

export interface PaletteProps {
  readonly onClose: () => void
  readonly onKeys: () => void
}

export function Palette({ onClose, onKeys }: PaletteProps): ReactNode {
  const [query, setQuery] = useState('')
  const groups = useCommands(query, onKeys)
  const input = useRef<HTMLInputElement>(null)
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-[var(--backdrop)]" />
        <Dialog.Popup
          aria-label={t('palette.label')}
          initialFocus={input}
          className="fixed inset-x-3 top-[12vh] z-50 mx-auto max-w-xl overflow-hidden rounded-card border border-line-strong bg-raised text-text shadow-pop"
        >
          <Autocomplete.Root
            inline
            open
            mode="none"
            items={groups}
            value={query}
            onValueChange={setQuery}
            autoHighlight="always"
            itemToStringValue={(command: Command) => command.label}
          >
            <div className="flex items-center gap-3 border-b border-line px-4">
              <Search size={17} aria-hidden className="text-muted" />
              <Autocomplete.Input
                ref={input}
                aria-label={t('palette.label')}
                placeholder={t('palette.placeholder')}
                className="h-12 min-w-0 flex-1 bg-transparent text-base outline-none"
              />
            </div>
            <Autocomplete.Empty className="px-4 py-6 text-center text-sm text-muted empty:hidden">
              {groups.length === 0 ? t('palette.none', { query }) : null}
            </Autocomplete.Empty>
            <Autocomplete.List className="max-h-[50vh] overflow-y-auto p-2 empty:hidden">
              {(group: CommandGroup) => (
                <Autocomplete.Group
                  key={group.title}
                  items={group.items}
                  className="pb-2 last:pb-0"
                >
                  <Autocomplete.GroupLabel className="px-2.5 py-1.5 text-2xs font-semibold tracking-wide text-faint uppercase">
                    {group.title}
                  </Autocomplete.GroupLabel>
                  <Autocomplete.Collection>
                    {(command: Command) => (
                      <CommandItem key={command.id} command={command} onDone={onClose} />
                    )}
                  </Autocomplete.Collection>
                </Autocomplete.Group>
              )}
            </Autocomplete.List>
          </Autocomplete.Root>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

interface CommandItemProps {
  readonly command: Command
  readonly onDone: () => void
}

function CommandItem({ command, onDone }: CommandItemProps): ReactNode {
  return (
    <Autocomplete.Item
      value={command}
      onClick={() => {
        onDone()
        command.run()
      }}
      className="flex h-9 cursor-pointer items-center gap-3 rounded-control px-2.5 text-sm outline-none data-highlighted:bg-accent-tint"
    >
      <command.icon size={16} aria-hidden className="shrink-0 text-muted" />
      <span className="truncate">{command.label}</span>
      {command.detail ? (
        <span className="mono ms-auto truncate ps-3 text-muted">{command.detail}</span>
      ) : null}
    </Autocomplete.Item>
  )
}
