// Who is told that a file or a snapshot is finished: a webhook, a queue, or both. What is told is a contract: docs/events.md.
param topicName string
param topicPrincipalId string
param hostAccountName string

@secure()
@description('A webhook; empty: none. It may hold a secret.')
param endpoint string

@description('Id of a Service Bus or storage queue; empty: none.')
param queueId string

// The last blob of each: when it is there, all before it is.
var happenings = [
  { name: 'file-finished', begins: '/blobServices/default/containers/processed/', ends: '_metadata.json' }
  { name: 'file-has-errors', begins: '/blobServices/default/containers/error/', ends: '_metadata.json' }
  { name: 'snapshot-finished', begins: '/blobServices/default/containers/work/blobs/snapshots/', ends: '/report.json' }
]
var filters = [
  for each in happenings: {
    includedEventTypes: ['Microsoft.Storage.BlobCreated']
    subjectBeginsWith: each.begins
    subjectEndsWith: each.ends
    // Not CreateFile: that is an empty file whose content is still to come.
    advancedFilters: [
      { operatorType: 'StringIn', key: 'data.api', values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose'] }
    ]
  }
]
var deadLetters = {
  identity: { type: 'SystemAssigned' }
  deadLetterDestination: {
    endpointType: 'StorageBlob'
    properties: { resourceId: hostAccount.id, blobContainerName: 'deadletter' }
  }
}

// /subscriptions/<1>/resourceGroups/<3>/providers/<5>/<6>/<name>/…/queues/<last>
var parts = split(trim(queueId), '/')
var isStorage = contains(toLower(queueId), '/providers/microsoft.storage/')
var isQueue = contains(toLower(queueId), '/queues/') && (isStorage || contains(
  toLower(queueId),
  '/providers/microsoft.servicebus/'
))
var queue = empty(queueId) || isQueue
  ? { subscription: parts[?2] ?? '', group: parts[?4] ?? '', owner: parts[?8] ?? '', name: last(parts) }
  : fail('NOTIFY_QUEUE_ID: not the id of a storage queue (…/storageAccounts/<account>/queueServices/default/queues/<queue>) or of a Service Bus queue (…/namespaces/<namespace>/queues/<queue>).')

resource hostAccount 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: hostAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource toWebhook 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for (each, i) in happenings: if (!empty(endpoint)) {
    parent: topic
    name: '${each.name}-webhook'
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      destination: { endpointType: 'WebHook', properties: { endpointUrl: endpoint } }
      filter: filters[i]
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
      deadLetterWithResourceIdentity: deadLetters
    }
  }
]

// Where the queue is, which may be in another group or subscription.
module mayDeliver 'notify-queue.bicep' = if (!empty(queueId)) {
  scope: resourceGroup(queue.subscription, queue.group)
  params: {
    isStorage: isStorage
    ownerName: queue.owner
    queueName: queue.name
    senderId: topic.id
    senderPrincipalId: topicPrincipalId
  }
}

resource toQueue 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for (each, i) in (empty(queueId) ? [] : happenings): {
    parent: topic
    name: '${each.name}-queue'
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      deliveryWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        destination: isStorage
          ? {
              endpointType: 'StorageQueue'
              properties: {
                resourceId: resourceId(
                  queue.subscription,
                  queue.group,
                  'Microsoft.Storage/storageAccounts',
                  queue.owner
                )
                queueName: queue.name
              }
            }
          : { endpointType: 'ServiceBusQueue', properties: { resourceId: queueId } }
      }
      filter: filters[i]
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
      deadLetterWithResourceIdentity: deadLetters
    }
    dependsOn: [mayDeliver]
  }
]
