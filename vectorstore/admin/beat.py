"""The schedules of django-celery-beat, with Unfold's classes."""

from django.contrib import admin
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from vectorstore.admin.audited import Audited

admin.site.unregister((PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule))


class _TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    pass


class _TaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = _TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(Audited, beat.PeriodicTaskAdmin, ModelAdmin):
    form = _TaskForm


class _TasksOfSchedule(TabularInline):
    model = PeriodicTask
    fields = readonly_fields = ("name", "task", "args", "kwargs")
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "Periodic tasks on this schedule"

    def has_add_permission(self, request, obj=None) -> bool:
        return False


@admin.register(IntervalSchedule, SolarSchedule)
class ScheduleAdmin(Audited, ModelAdmin):
    inlines = (_TasksOfSchedule,)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(Audited, beat.CrontabScheduleAdmin, ModelAdmin):
    inlines = (_TasksOfSchedule,)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(Audited, beat.ClockedScheduleAdmin, ModelAdmin):
    inlines = (_TasksOfSchedule,)
