"""What the tabs of a span show, as rows: functions of what was recorded, without a widget or a store."""
